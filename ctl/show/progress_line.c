#include "ctl/show/progress_line.h"

#include <stdarg.h>
#include <stdio.h>

#include "ctl/show/show.h"

#define CLEAR "\r\033[K"

void bit_progress_line_draw(struct bit_progress_line *line, const char *fmt, ...)
{
    va_list args;

    if (!line->live)
        return;
    bit_show(stderr, CLEAR);
    va_start(args, fmt);
    bit_vshow(stderr, fmt, args);
    va_end(args);
    fflush(stderr);
    line->drawn = true;
}

void bit_progress_line_percent(void *arg, uint64_t done, uint64_t all)
{
    struct bit_progress_line *line = arg;

    bit_progress_line_draw(line, "%s %3.0f%%", line->what, all > 0 ? 100.0 * (double)done / (double)all : 100.0);
}

void bit_progress_line_clear(struct bit_progress_line *line)
{
    if (line->drawn)
        bit_show(stderr, CLEAR);
    line->drawn = false;
}
