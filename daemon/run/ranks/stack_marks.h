/*
 * Which ranks have written their stacks into the log: each ends with the line "stacks rank=3 end". The log is fed in as
 * it grows, in portions that may end anywhere, so that no byte is read twice. Pure.
 */
#ifndef BIT_DAEMON_STACK_MARKS_H
#define BIT_DAEMON_STACK_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bit_stack_marks {
    bool *answered; /* (ranks); owned */
    uint32_t ranks, count;
    char line[48]; /* the beginning of a line that is not complete yet */
    size_t line_bytes;
};

/** Begin with no rank marked, and free what was there before. Errors: -ENOMEM. finish accepts a zeroed one. */
int bit_stack_marks_begin(struct bit_stack_marks *m, uint32_t ranks);
void bit_stack_marks_finish(struct bit_stack_marks *m);
/** Feed in the next bytes of the log. */
void bit_stack_marks_take(struct bit_stack_marks *m, const char *text, size_t bytes);

#endif
