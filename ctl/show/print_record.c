/* Prints journal records as lines for people. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/task_table.h"
#include "proto/format.h"

static void checkpoint(FILE *f, const Bit__CheckpointReport *c)
{
    char bytes[BIT_TEXT];

    if (c->error)
        bit_show(f, "checkpoint %s failed: %s", c->name, c->text ? c->text : "no reason given");
    else
        bit_show(f, "checkpoint %s is durable, %s, training stood still for %.0f ms", c->name,
                 bit_text_bytes((double)c->bytes, bytes), c->stall_ms);
}

static void launched(FILE *f, const Bit__WorkerLaunched *l)
{
    bit_show(f, "attempt %u launched, pid %d, %s%s, log %s", l->attempt, l->pid,
             l->restore ? "from " : "from the start", l->restore ? l->restore : "", l->log);
    if (l->nodes)
        bit_show(f, ", %u rank%s on %s", l->ranks, bit_format_s(l->ranks), l->nodes);
}

static const char *source(FILE *f, const char *between, uint32_t count, const char *whence)
{
    if (count > 0)
        bit_show(f, "%s%u %s", between, count, whence);
    return count > 0 ? ", " : between;
}

/* Prints where the algorithms of a card's matrix products come from. */
static void products(FILE *f, const Bit__ProductsUsed *p)
{
    bit_show(f, "; products on %s", p->card);
    const char *between = source(f, ": ", p->from_checkpoint, "as in the checkpoint");
    between = source(f, between, p->from_run, "as in an earlier launch");
    between = source(f, between, p->from_state, "as bitd knew them");
    source(f, between, p->timed, "timed now");
    if (p->anew != NULL)
        bit_show(f, "; products searched anew: %s", p->anew);
}

static void ready(FILE *f, const Bit__WorkerReady *r)
{
    char count[BIT_TEXT], bytes[BIT_TEXT];

    bit_show(f, "worker ready at step %" PRIu64 ": %s parameters, %s a rank, micro-batch %u, %s", r->step,
             bit_text_count((double)r->parameters, count), bit_text_bytes((double)r->memory->total, bytes),
             r->micro_instances, r->backend);
    for (size_t i = 0; i < r->n_product; i++)
        products(f, r->product[i]);
}

static void switched(FILE *f, const Bit__PhaseSwitched *s)
{
    bit_show(f,
             "switched to %s after step %" PRIu64 ", optimizer %s (Adam step %" PRIu64 " -> %" PRIu64
             ", moments %016" PRIx64 " -> %016" PRIx64 ")",
             bit_text_precision(s->phase->precision), s->after_step,
             s->phase->optimizer_step == 0 && s->optimizer_step_before != 0 ? "reset" : "kept",
             s->optimizer_step_before, s->phase->optimizer_step, s->moments_before, s->moments_after);
}

static void lost(FILE *f, const Bit__WorkerLost *l)
{
    bit_show(f, "worker lost at step %" PRIu64 ": %s", l->step, l->cause);
    if (l->has_rank)
        bit_show(f, " (rank %u", l->rank);
    if (l->has_signal)
        bit_show(f, "%ssignal %d", l->has_rank ? ", " : " (", l->signal);
    else if (l->has_code)
        bit_show(f, "%scode %d", l->has_rank ? ", " : " (", l->code);
    if (l->has_rank || l->has_signal || l->has_code)
        bit_show(f, ")");
}

static void evaluated(FILE *f, const Bit__EvaluateReport *e)
{
    char text[BIT_EVALUATION_TEXT], after[BIT_AFTER_TEXT];

    bit_show(f, "evaluated %s%s in %s: %s over %" PRIu64 " targets", e->set, bit_text_after(e->after_step, after),
             bit_text_evaluated(e), bit_text_evaluation(e, text), e->targets);
}

static void scored(FILE *f, const Bit__TaskScored *s)
{
    char text[BIT_TASK_TEXT], after[BIT_AFTER_TEXT];

    if (s->result == NULL)
        bit_show(f, "scored documents %" PRIu64 " to %" PRIu64 " of task %s%s in %s", s->first,
                 s->first + s->documents - 1, s->task, bit_text_after(s->after_step, after),
                 bit_text_precision(s->precision));
    else
        bit_show(f, "task %s%s in %s: %s", s->task, bit_text_after(s->after_step, after),
                 bit_text_precision(s->precision), bit_text_task(s->result, text));
}

static void verified(FILE *f, const Bit__ResumeVerified *v)
{
    const char *text = v->text ? v->text : "no detail";

    if (v->against && v->equal)
        bit_show(f, "verified against %s to step %" PRIu64 ": %s (chain %016" PRIx64 ")", v->against, v->to_step, text,
                 v->link);
    else if (v->against)
        bit_show(f, v->field ? "differs from %s: %s" : "beside %s: %s", v->against, text);
    else if (v->equal && v->has_link)
        bit_show(f, "resume verified to step %" PRIu64 ": %s (chain %016" PRIx64 ")", v->to_step, text, v->link);
    else if (v->equal)
        bit_show(f, "resume verified bit for bit, steps %" PRIu64 " to %" PRIu64, v->from_step, v->to_step);
    else
        bit_show(f, v->has_comparable && !v->comparable && !v->field ? "resume %s" : "resume differs: %s", text);
}

static void step(FILE *f, const Bit__StepReport *s)
{
    bit_show(f, "step %" PRIu64 " %s loss %.4f norm %.3f lr %.3g %.0f ms", s->step, bit_text_precision(s->precision),
             s->loss, s->grad_norm, s->lr, s->ms);
    if (s->has_zero_fraction)
        bit_show(f, " zeros %.1f%%", 100 * s->zero_fraction);
    if (s->has_flip_rate)
        bit_show(f, " flips %.3f%%", 100 * s->flip_rate);
    if (s->has_skipped && s->skipped)
        bit_show(f, " skipped");
    for (size_t i = 0; i < s->n_anomaly; i++)
        bit_show(f, "%s%s", i > 0 ? "; " : ": ", s->anomaly[i]->text ? s->anomaly[i]->text : "an anomaly");
}

static void slurm(FILE *f, const Bit__SlurmJob *s)
{
    if (s->job != 0)
        bit_show(f, "Slurm job %" PRIu64 ": %s, %s", s->job, s->state, s->reason);
    else if (strcmp(s->state, "NOT_SUBMITTED") == 0)
        bit_show(f, "sbatch does not take it yet: %s", s->reason);
    else
        bit_show(f, "the Slurm job is gone: %s, %s", s->state, s->reason);
}

static void resumed(FILE *f, const Bit__RunResumed *r)
{
    bit_show(f, "resumed by uid %u from %s", r->asked->uid, r->checkpoint ? r->checkpoint : "the beginning");
    if (r->again > 0)
        bit_show(f, ", %" PRIu64 " step%s done again%s", r->again, r->again == 1 ? " is" : "s are",
                 r->has_given_up && r->given_up ? " and not compared" : "");
    if (r->has_skip && r->skip > 0)
        bit_show(f, ", %" PRIu64 " batch%s left out", r->skip, r->skip == 1 ? " is" : "es are");
    if (r->has_steps)
        bit_show(f, ", to step %" PRIu64 "%s", r->steps, r->has_cosine_steps ? " with a longer cosine" : "");
    if (r->other_data)
        bit_show(f, ", with %s", r->other_data);
    bit_show(f, "; it was ");
    bit_show_state(f, r->was, r->reason);
}

static void tagged(FILE *f, const Bit__RunTagged *t)
{
    bit_show(f, "by uid %u:", t->asked->uid);
    for (size_t i = 0; i < t->n_add; i++)
        bit_show(f, " tagged %s", t->add[i]);
    for (size_t i = 0; i < t->n_remove; i++)
        bit_show(f, " no longer %s", t->remove[i]);
    if (t->note)
        bit_show(f, " note '%s'", t->note);
}

static void priority(FILE *f, const Bit__RunPriority *p)
{
    bit_show(f, "priority %d in the queue, by uid %u", p->priority, p->asked->uid);
}

static void changed(FILE *f, const Bit__RunChanged *c)
{
    for (size_t i = 0; i < c->n_set; i++)
        bit_show(f, "%s%s", i > 0 ? ", " : "", c->set[i]);
    if (c->has_skip_from)
        bit_show(f, "batches %" PRIu64 " to %" PRIu64 " are left out", c->skip_from, c->skip_to);
    bit_show(f, " from step %" PRIu64 " on, by uid %u", c->after_step + 1, c->uid);
}

static void submitted(FILE *f, const Bit__RunSubmitted *s)
{
    bit_show(f, "submitted as %s by uid %u%s", s->run, s->uid, s->paused ? ", paused" : "");
    if (s->fork)
        bit_show(f, ", a fork of %s after step %" PRIu64, s->fork->run, s->fork->step);
    if (s->has_priority)
        bit_show(f, ", priority %d", s->priority);
    for (size_t i = 0; i < s->n_after; i++)
        bit_show(f, "%s%s", i == 0 ? ", to begin after " : ", ", s->after[i]);
}

static void switch_planned(FILE *f, const Bit__SwitchPlanned *p)
{
    if (p->cancelled)
        bit_show(f, "the switch is cancelled");
    else
        bit_show(f, "the switch is planned after step %" PRIu64 ", optimizer %s", p->at_step,
                 p->optimizer == BIT__OPTIMIZER_AT_SWITCH__RESET ? "reset" : "kept");
    if (p->has_uid)
        bit_show(f, ", by uid %u", p->uid);
}

void bit_print_record_text(FILE *f, const Bit__JournalRecord *r)
{
    switch (r->what_case) {
    case BIT__JOURNAL_RECORD__WHAT_SUBMITTED:
        submitted(f, r->submitted);
        break;
    case BIT__JOURNAL_RECORD__WHAT_STATE:
        bit_show_state(f, r->state->state, r->state->reason);
        break;
    case BIT__JOURNAL_RECORD__WHAT_LAUNCHED:
        launched(f, r->launched);
        break;
    case BIT__JOURNAL_RECORD__WHAT_READY:
        ready(f, r->ready);
        break;
    case BIT__JOURNAL_RECORD__WHAT_STEP:
        step(f, r->step);
        break;
    case BIT__JOURNAL_RECORD__WHAT_SWITCH_PLANNED:
        switch_planned(f, r->switch_planned);
        break;
    case BIT__JOURNAL_RECORD__WHAT_SWITCHED:
        switched(f, r->switched);
        break;
    case BIT__JOURNAL_RECORD__WHAT_CHECKPOINT_ASKED:
        bit_show(f, "checkpoint requested after step %" PRIu64, r->checkpoint_asked->after_step);
        if (r->checkpoint_asked->has_uid)
            bit_show(f, " by uid %u", r->checkpoint_asked->uid);
        break;
    case BIT__JOURNAL_RECORD__WHAT_CHECKPOINT:
        checkpoint(f, r->checkpoint);
        break;
    case BIT__JOURNAL_RECORD__WHAT_REMOVED:
        bit_show(f, "checkpoint %s removed: %s", r->removed->name, r->removed->why);
        break;
    case BIT__JOURNAL_RECORD__WHAT_PINNED:
        bit_show(f, "checkpoint %s %s by uid %u", r->pinned->name, r->pinned->pinned ? "pinned" : "unpinned",
                 r->pinned->uid);
        break;
    case BIT__JOURNAL_RECORD__WHAT_TAGGED:
        tagged(f, r->tagged);
        break;
    case BIT__JOURNAL_RECORD__WHAT_PRIORITY:
        priority(f, r->priority);
        break;
    case BIT__JOURNAL_RECORD__WHAT_CHANGED:
        changed(f, r->changed);
        break;
    case BIT__JOURNAL_RECORD__WHAT_BAD:
        bit_show(f, "checkpoint %s was set aside: %s", r->bad->name, r->bad->text);
        break;
    case BIT__JOURNAL_RECORD__WHAT_EVALUATED:
        evaluated(f, r->evaluated);
        break;
    case BIT__JOURNAL_RECORD__WHAT_SCORED:
        scored(f, r->scored);
        break;
    case BIT__JOURNAL_RECORD__WHAT_LOST:
        lost(f, r->lost);
        break;
    case BIT__JOURNAL_RECORD__WHAT_VERIFIED:
        verified(f, r->verified);
        break;
    case BIT__JOURNAL_RECORD__WHAT_RANKS_DONE:
        bit_show(f, "every rank (%u) is done after step %" PRIu64 ", weights %016" PRIx64, r->ranks_done->ranks,
                 r->ranks_done->step, r->ranks_done->weights_digest);
        break;
    case BIT__JOURNAL_RECORD__WHAT_RESUMED:
        resumed(f, r->resumed);
        break;
    case BIT__JOURNAL_RECORD__WHAT_DATA_COMPARED:
        bit_show(f, "%s%s", r->data_compared->same ? "" : "forced: ", r->data_compared->text);
        break;
    case BIT__JOURNAL_RECORD__WHAT_SLURM:
        slurm(f, r->slurm);
        break;
    case BIT__JOURNAL_RECORD__WHAT_REWOUND:
        bit_show(f, "%s", r->rewound->reason);
        break;
    case BIT__JOURNAL_RECORD__WHAT_MUTATION:
        bit_show(f, "%s by uid %u", r->mutation->verb, r->mutation->uid);
        break;
    default:
        bit_show(f, "record %" PRIu64 " of a kind that this bitctl does not know", r->seq);
    }
}

void bit_print_record(FILE *f, const Bit__JournalRecord *record)
{
    char when[BIT_TEXT];

    bit_show(f, "%s  ", bit_text_time(record->time_ns, when));
    bit_print_record_text(f, record);
    fputc('\n', f);
}
