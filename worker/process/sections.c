#include "worker/process/sections.h"

#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "worker/process/clock.h"

const char *bit_section_name(int section)
{
    static const char *const name[] = {"wait",  "forward", "backward",   "comm",     "optimizer", "other",
                                       "start", "switch",  "checkpoint", "evaluate", "stop"};

    BIT_ASSERT(BIT_COUNT(name) == BIT_SECTIONS && section >= 0 && section < BIT_SECTIONS);
    return name[section];
}

static void mark(struct bit_sections *s, int section)
{
    if (s->exec == NULL || s->mark_count == BIT_SECTION_MARKS)
        return;
    if (bit_mark_set(&s->marks[s->mark_count], s->exec) < 0)
        return; /* a broken GPU is reported elsewhere; here only a time is missing */
    s->marked[s->mark_count++] = section;
}

void bit_sections_restart(struct bit_sections *s, enum bit_section section)
{
    memset(s->ms, 0, sizeof s->ms);
    s->since_ms = bit_clock_ms();
    atomic_store(&s->now, section);
    s->mark_count = 0;
    mark(s, section);
}

enum bit_section bit_section_enter(struct bit_sections *s, enum bit_section section)
{
    const double now_ms = bit_clock_ms();
    const int before = atomic_exchange(&s->now, section);

    if (s->exec == NULL)
        s->ms[before] += now_ms - s->since_ms;
    s->since_ms = now_ms;
    mark(s, section);
    return (enum bit_section)before;
}

/* The last mark is kept: it begins the next section. */
void bit_sections_settle(struct bit_sections *s)
{
    for (int i = 0; i + 1 < s->mark_count; i++)
        s->ms[s->marked[i]] += bit_mark_ms(&s->marks[i], &s->marks[i + 1]);
    if (s->mark_count > 0) {
        struct bit_mark last = s->marks[s->mark_count - 1];

        s->marks[s->mark_count - 1] = s->marks[0];
        s->marks[0] = last;
        s->marked[0] = s->marked[s->mark_count - 1];
        s->mark_count = 1;
    }
}

int bit_sections_attach(struct bit_sections *s, const struct bit_exec *exec)
{
    int err = 0;

    if (exec->backend != BIT_BACKEND_CUDA)
        return 0;
    s->marks = calloc(BIT_SECTION_MARKS, sizeof *s->marks);
    s->marked = calloc(BIT_SECTION_MARKS, sizeof *s->marked);
    if (s->marks == NULL || s->marked == NULL)
        err = bit_fail(-ENOMEM, "%d marks of time", BIT_SECTION_MARKS);
    for (int i = 0; i < BIT_SECTION_MARKS && err >= 0; i++)
        err = bit_mark_init(&s->marks[i], exec);
    if (err < 0) {
        bit_sections_detach(s);
        return err;
    }
    s->exec = exec;
    return 0;
}

void bit_sections_detach(struct bit_sections *s)
{
    for (int i = 0; i < BIT_SECTION_MARKS && s->marks != NULL; i++)
        bit_mark_finish(&s->marks[i]);
    free(s->marks);
    free(s->marked);
    s->marks = NULL;
    s->marked = NULL;
    s->mark_count = 0;
    s->exec = NULL;
}
