#include "ctl/report/run_past.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/wire/msg.h"

static int keep(struct bit_run_past *p, const Bit__JournalRecord *r)
{
    if (p->count == p->room) {
        const size_t room = p->room > 0 ? 2 * p->room : 64;
        Bit__JournalRecord **record = realloc(p->record, room * sizeof *record);
        if (record == NULL)
            return bit_fail(-ENOMEM, "%zu records of a journal", room);
        p->record = record;
        p->room = room;
    }
    Bit__JournalRecord *copy = bit_msg_clone(r);
    if (copy == NULL)
        return bit_fail(-ENOMEM, "a record of a journal");
    p->record[p->count++] = copy;
    return 0;
}

static int add_step(struct bit_run_past *p, const Bit__JournalRecord *r)
{
    const Bit__StepReport *step = r->step;
    int err = bit_step_times_add(&p->times[step->precision == BIT__PRECISION__TERNARY], step);

    if (step->has_link) {
        p->link_step = step->step;
        p->link = step->link;
    }
    if (err < 0 || (step->n_anomaly == 0 && !(step->has_skipped && step->skipped)))
        return err;
    if (p->told_steps == BIT_RUN_PAST_STEPS_MAX) {
        p->untold_steps++;
        return 0;
    }
    p->told_steps++;
    return keep(p, r);
}

static void add_times(struct bit_run_past *p, const Bit__JournalRecord *r)
{
    if (r->what_case == BIT__JOURNAL_RECORD__WHAT_EVALUATED)
        p->evaluate_ms += (uint64_t)r->evaluated->ms;
    else if (r->what_case == BIT__JOURNAL_RECORD__WHAT_SCORED)
        p->score_ms += (uint64_t)r->scored->ms;
    else if (r->what_case == BIT__JOURNAL_RECORD__WHAT_CHECKPOINT && r->checkpoint->has_stall_ms)
        p->stall_ms += (uint64_t)r->checkpoint->stall_ms;
}

int bit_run_past_add(struct bit_run_past *p, const Bit__JournalRecord *r)
{
    if (p->first_ns == 0)
        p->first_ns = r->time_ns;
    p->last_ns = r->time_ns;
    add_times(p, r);
    if (r->what_case == BIT__JOURNAL_RECORD__WHAT_STEP)
        return add_step(p, r);
    if (r->what_case == BIT__JOURNAL_RECORD__WHAT_SCORED && r->scored->result == NULL)
        return 0;
    return keep(p, r);
}

void bit_run_past_end(struct bit_run_past *p)
{
    bit_step_times_sort(&p->times[0]);
    bit_step_times_sort(&p->times[1]);
}

void bit_run_past_finish(struct bit_run_past *p)
{
    for (size_t i = 0; i < p->count; i++)
        bit_msg_free(p->record[i]);
    free(p->record);
    bit_step_times_finish(&p->times[0]);
    bit_step_times_finish(&p->times[1]);
    bit_run_curves_finish(&p->curves);
    bit_msg_free(p->checkpoints);
    bit_msg_free(p->status);
    memset(p, 0, sizeof *p);
}

const Bit__JournalRecord *bit_run_past_next(const struct bit_run_past *p, Bit__JournalRecord__WhatCase kind, size_t *at)
{
    while (*at < p->count)
        if (p->record[(*at)++]->what_case == kind)
            return p->record[*at - 1];
    return NULL;
}

const Bit__JournalRecord *bit_run_past_last(const struct bit_run_past *p, Bit__JournalRecord__WhatCase kind)
{
    for (size_t i = p->count; i-- > 0;)
        if (p->record[i]->what_case == kind)
            return p->record[i];
    return NULL;
}
