/* A line of progress on stderr, which is drawn over itself and removed at the end. */
#ifndef BIT_CTL_PROGRESS_LINE_H
#define BIT_CTL_PROGRESS_LINE_H

#include <stdbool.h>
#include <stdint.h>

struct bit_progress_line {
    bool live;        /* whether it is drawn at all: the caller has a terminal, and the user wants text */
    const char *what; /* of bit_progress_line_percent; borrowed */
    bool drawn;       /* at first false */
};

/** Draw it with this text; as bit_show. */
void bit_progress_line_draw(struct bit_progress_line *line, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Draw "WHAT 42%". line is a struct bit_progress_line: a callback of functions that report done and all. */
void bit_progress_line_percent(void *line, uint64_t done, uint64_t all);
/** Remove it, before other lines are printed and at the end. */
void bit_progress_line_clear(struct bit_progress_line *line);

#endif
