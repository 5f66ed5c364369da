/* What a short command printed, and how it ended. */
#ifndef BIT_PROTO_CHILD_OUTPUT_H
#define BIT_PROTO_CHILD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_CHILD_OUTPUT_MAX (1u << 20) /* of each stream; at more it is closed */

struct bit_child_output {
    int spawn_err; /* < 0: it did not begin */
    bool late;     /* it was ended for taking too long */
    int64_t status;
    int signal;
    const uint8_t *out, *err; /* each with a NUL at its end */
    size_t out_bytes, err_bytes;
};

/** It ended with 0. */
bool bit_child_output_ok(const struct bit_child_output *r);
/** What went wrong, in one line: what it wrote to stderr, or how it ended. */
void bit_child_output_explain(const struct bit_child_output *r, const char *name, char *text, size_t room);

#endif
