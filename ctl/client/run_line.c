#include "ctl/client/run_line.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/check.h"
#include "proto/err.h"

void bit_run_line_init(struct bit_run_line *l, uint64_t until, uint64_t link)
{
    *l = (struct bit_run_line){.until = until, .link = link};
}

void bit_run_line_finish(struct bit_run_line *l)
{
    free(l->cut);
    *l = (struct bit_run_line){.until = 0};
}

static int add_cut(struct bit_run_line *l, uint64_t seq, uint64_t step)
{
    if (l->count == l->room) {
        const size_t room = l->room > 0 ? 2 * l->room : 16;
        struct bit_run_cut *grown = realloc(l->cut, room * sizeof *grown);
        if (grown == NULL)
            return bit_fail(-ENOMEM, "a journal's steps");
        l->cut = grown;
        l->room = room;
    }
    l->cut[l->count++] = (struct bit_run_cut){seq, step};
    l->last = step;
    return 0;
}

static int note_step(struct bit_run_line *l, uint64_t seq, const Bit__StepReport *m)
{
    int err = m->step <= l->last ? add_cut(l, seq, m->step - BIT_MIN(m->step, 1)) : 0;

    l->last = m->step;
    if (m->step == l->until && (l->link == 0 || (m->has_link && m->link == l->link)))
        l->end = seq;
    return err;
}

int bit_run_line_note(struct bit_run_line *l, const Bit__JournalRecord *r)
{
    switch (r->what_case) {
    case BIT__JOURNAL_RECORD__WHAT_STEP:
        return note_step(l, r->seq, r->step);
    case BIT__JOURNAL_RECORD__WHAT_REWOUND:
        return add_cut(l, r->seq, r->rewound->to_step);
    case BIT__JOURNAL_RECORD__WHAT_RESUMED:
        return r->resumed->has_given_up && r->resumed->given_up ? add_cut(l, r->seq, r->resumed->from_step) : 0;
    default:
        return 0;
    }
}

/* The index of the first cut after a record. */
static size_t first_after(const struct bit_run_line *l, uint64_t seq)
{
    size_t low = 0, high = l->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (l->cut[middle].seq > seq)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/*
 * Whether no cut between the record and the fork's end dropped it. Evaluations after the last step come after that end
 * in the journal.
 */
bool bit_run_line_has(const struct bit_run_line *l, uint64_t seq, uint64_t step)
{
    const uint64_t end = l->until == UINT64_MAX || l->end == 0 ? UINT64_MAX : l->end;
    const uint64_t from = BIT_MIN(seq, end), to = BIT_MAX(seq, end);

    if (step > l->until)
        return false;
    for (size_t i = first_after(l, from); i < l->count && l->cut[i].seq <= to; i++)
        if (l->cut[i].step < step)
            return false;
    return true;
}
