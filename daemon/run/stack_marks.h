/*
 * Which ranks have written their stacks into the log: the line "stacks rank=3 end" says so. The log is taken as it
 * grows, in portions that end anywhere, so that no byte of it is looked at twice. Pure.
 */
#ifndef BIT_DAEMON_STACK_MARKS_H
#define BIT_DAEMON_STACK_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bit_stack_marks {
    bool *answered; /* (ranks); owned */
    uint32_t ranks, count;
    char line[48]; /* the beginning of the line that is not whole yet */
    size_t line_bytes;
};

/** Nobody has answered; what was there before is freed. Errors: -ENOMEM. finish takes a zeroed one. */
int bit_stack_marks_begin(struct bit_stack_marks *m, uint32_t ranks);
void bit_stack_marks_finish(struct bit_stack_marks *m);
/** The next bytes of the log. */
void bit_stack_marks_take(struct bit_stack_marks *m, const char *text, size_t bytes);

#endif
