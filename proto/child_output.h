/* The output and the exit status of a short command. */
#ifndef BIT_PROTO_CHILD_OUTPUT_H
#define BIT_PROTO_CHILD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_CHILD_OUTPUT_MAX (1u << 20) /* bytes of each stream; a stream with more is closed */

struct bit_child_output {
    int spawn_err; /* < 0: the command could not be started */
    bool late;     /* it was ended because it took too long */
    int64_t status;
    int signal;
    const uint8_t *out, *err; /* each ends in a NUL */
    size_t out_bytes, err_bytes;
};

/** Whether it exited with 0. */
bool bit_child_output_ok(const struct bit_child_output *r);
/** What went wrong, in one line: what it wrote to stderr, or how it ended. */
void bit_child_output_explain(const struct bit_child_output *r, const char *name, char *text, size_t room);

#endif
