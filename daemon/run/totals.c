#include "daemon/run/totals.h"

#include <stddef.h>

static void note_step(struct bit_totals *t, const Bit__StepReport *m)
{
    const Bit__TimeSplit *s = m->split;
    const double ms[BIT_TOTALS_SECTIONS] = {s->wait, s->forward, s->backward, s->comm, s->optimizer, s->other};

    t->steps++;
    t->tokens += m->tokens;
    t->skipped += m->has_skipped && m->skipped;
    for (int i = 0; i < BIT_TOTALS_SECTIONS; i++)
        t->section_ms[i] += ms[i];
    for (size_t i = 0; i < m->n_anomaly; i++)
        if ((unsigned)m->anomaly[i]->kind < BIT_TOTALS_ANOMALIES)
            t->anomalies[m->anomaly[i]->kind]++;
}

static void note_checkpoint(struct bit_totals *t, const Bit__CheckpointReport *m)
{
    if (m->error != 0) {
        t->checkpoint_failures++;
        return;
    }
    t->checkpoints++;
    t->last_checkpoint_ms = m->has_ms ? m->ms : 0;
    t->last_stall_ms = m->has_stall_ms ? m->stall_ms : 0;
    t->checkpoint_ms += t->last_checkpoint_ms;
    t->stall_ms += t->last_stall_ms;
}

static void note_evaluation(struct bit_totals *t, double ms)
{
    t->evaluations++;
    t->evaluation_ms += ms;
}

void bit_totals_note(struct bit_totals *t, const Bit__JournalRecord *record)
{
    if (record->what_case == BIT__JOURNAL_RECORD__WHAT_STEP)
        note_step(t, record->step);
    else if (record->what_case == BIT__JOURNAL_RECORD__WHAT_CHECKPOINT)
        note_checkpoint(t, record->checkpoint);
    else if (record->what_case == BIT__JOURNAL_RECORD__WHAT_EVALUATED)
        note_evaluation(t, record->evaluated->ms);
    else if (record->what_case == BIT__JOURNAL_RECORD__WHAT_SCORED)
        note_evaluation(t, record->scored->ms);
}
