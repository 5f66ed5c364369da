/* What a short command prints, and how it ended: squeue, sbatch, bitworker --plan. */
#ifndef BIT_DAEMON_CHILD_OUTPUT_H
#define BIT_DAEMON_CHILD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define BIT_CHILD_OUTPUT_MAX (1u << 20) /* of each stream; at more it is closed */

struct bit_child_output {
    int spawn_err; /* < 0: it did not begin */
    bool late;     /* it was ended for taking too long */
    int64_t status;
    int signal;
    const uint8_t *out, *err; /* each with a NUL at its end */
    size_t out_bytes, err_bytes;
};

/* The result is borrowed for the call. */
typedef void bit_child_output_done(void *arg, const struct bit_child_output *result);

/**
 * Run argv[0] (from PATH if it has no slash) with nothing to read, for timeout_ms at most. done is always called, from
 * the loop and never before this returns.
 * Ownership   argv is not needed afterwards
 * Errors      -ENOMEM; done is not called then
 */
int bit_child_output_get(uv_loop_t *loop, char *const *argv, uint64_t timeout_ms, bit_child_output_done *done,
                         void *arg);
/** It ended with 0. */
bool bit_child_output_ok(const struct bit_child_output *r);
/** What went wrong, in one line: what it wrote to stderr, or how it ended. */
void bit_child_output_explain(const struct bit_child_output *r, const char *name, char *text, size_t room);

#endif
