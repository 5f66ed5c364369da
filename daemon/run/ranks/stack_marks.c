#include "daemon/run/ranks/stack_marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

int bit_stack_marks_begin(struct bit_stack_marks *m, uint32_t ranks)
{
    bit_stack_marks_finish(m);
    m->answered = calloc(ranks, sizeof *m->answered);
    if (m->answered == NULL)
        return bit_fail(-ENOMEM, "the stacks of %u ranks", ranks);
    m->ranks = ranks;
    return 0;
}

void bit_stack_marks_finish(struct bit_stack_marks *m)
{
    free(m->answered);
    *m = (struct bit_stack_marks){0};
}

/* m->line is a whole line with a NUL. */
static void take_line(struct bit_stack_marks *m)
{
    static const char begin[] = "stacks rank=";
    char *end;

    if (strncmp(m->line, begin, sizeof begin - 1) != 0)
        return;
    unsigned long rank = strtoul(m->line + sizeof begin - 1, &end, 10);
    if (strcmp(end, " end") != 0 || rank >= m->ranks || m->answered[rank])
        return;
    m->answered[rank] = true;
    m->count++;
}

/* A line longer than any mark is cut, and is not a mark. */
void bit_stack_marks_take(struct bit_stack_marks *m, const char *text, size_t bytes)
{
    while (bytes > 0) {
        const char *newline = memchr(text, '\n', bytes);
        const size_t length = newline != NULL ? (size_t)(newline - text) : bytes;
        const size_t room = sizeof m->line - 1 - m->line_bytes, some = BIT_MIN(length, room);

        memcpy(m->line + m->line_bytes, text, some);
        m->line_bytes += some;
        if (newline == NULL)
            return;
        m->line[m->line_bytes] = '\0';
        take_line(m);
        m->line_bytes = 0;
        text += length + 1;
        bytes -= length + 1;
    }
}
