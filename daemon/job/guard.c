#include "daemon/job/guard.h"

#include <inttypes.h>
#include <string.h>

#include "daemon/job/job.h"
#include "daemon/run/run_steps.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("guard");

void bit_guard_finish(struct bit_guard *guard)
{
    bit_straggler_finish(&guard->straggler);
    *guard = (struct bit_guard){0};
}

/* ---------------------------------------------------------------- orders */

static bool skips_spikes(const struct bit_run *run)
{
    return run->spec->guard->spike == BIT__GUARD_ACTION__SKIP_STEP;
}

unsigned bit_guard_lookahead(const struct bit_run *run, unsigned lookahead)
{
    return skips_spikes(run) ? BIT_MIN(lookahead, (unsigned)BIT_SPIKE_LAG) : lookahead;
}

void bit_guard_order(const struct bit_run *run, Bit__StepOrder *m)
{
    const Bit__GuardSpec *g = run->spec->guard;
    struct bit_spike_bounds bounds;
    m->has_skip_nan = m->skip_nan = g->nan != BIT__GUARD_ACTION__STOP;
    m->has_replica = m->replica = g->replica_every > 0 && m->step % g->replica_every == 0;
    if (!skips_spikes(run))
        return;
    bit_spike_bounds(run->spec, &run->plan, &run->history, m->step, &bounds);
    m->has_loss_most = bounds.has_loss && !bounds.expected;
    m->loss_most = bounds.loss;
    m->has_norm_most = bounds.has_norm && !bounds.expected;
    m->norm_most = bounds.norm;
}

/* ---------------------------------------------------------------- verdicts */

uint64_t bit_guard_target(const struct bit_run *run, uint64_t at)
{
    uint64_t target = 0;
    for (size_t i = 0; i < run->checkpoint_count; i++) {
        uint64_t step = run->checkpoint[i].step;
        bool far = step < at && at - step >= run->spec->guard->rewind_steps;
        if (far || (target == 0 && step < at)) /* where none lies so far back, the oldest */
            target = step;
    }
    return target;
}

/* What the policy says, or STOP where it has been done too often. */
static Bit__GuardAction limited(const struct bit_run *run, Bit__GuardAction policy, const Bit__StepReport *m)
{
    uint32_t most = run->spec->guard->most;
    if (policy == BIT__GUARD_ACTION__SKIP_STEP && bit_run_skipped_within(run, BIT_GUARD_MOST_STEPS - 1) + 1 > most)
        return BIT__GUARD_ACTION__STOP;
    if (policy == BIT__GUARD_ACTION__REWIND && bit_rewinds_to(&run->rewinds, bit_guard_target(run, m->step)) + 1 > most)
        return BIT__GUARD_ACTION__STOP;
    return policy;
}

static Bit__GuardAction policy_of(const Bit__GuardSpec *g, const Bit__Anomaly *a)
{
    switch (a->kind) {
    case BIT__ANOMALY_KIND__NAN_LOSS:
    case BIT__ANOMALY_KIND__NAN_GRADIENT:
        return g->nan;
    case BIT__ANOMALY_KIND__LOSS_SPIKE:
    case BIT__ANOMALY_KIND__NORM_SPIKE:
        return a->expected ? BIT__GUARD_ACTION__WARN : g->spike;
    case BIT__ANOMALY_KIND__REPLICA:
        return a->healed ? BIT__GUARD_ACTION__WARN : g->replica;
    default:
        return BIT__GUARD_ACTION__WARN;
    }
}

/* A tensor's name, as far as it may go into a sentence. */
static int place_bytes(const Bit__Anomaly *a)
{
    return a->place ? bit_format_fit(a->place, BIT_NAME_MAX) : 0;
}

static void describe(const Bit__Anomaly *a, char *text, size_t room)
{
    const char *place = a->place ? a->place : "", *in = a->place ? ", in " : "";
    switch (a->kind) {
    case BIT__ANOMALY_KIND__NAN_LOSS:
    case BIT__ANOMALY_KIND__NAN_GRADIENT:
        bit_format(text, room, "the %s is no number, first on rank %u%s%.*s",
                   a->kind == BIT__ANOMALY_KIND__NAN_LOSS ? "loss" : "gradient", a->rank, in, place_bytes(a), place);
        break;
    case BIT__ANOMALY_KIND__LOSS_SPIKE:
    case BIT__ANOMALY_KIND__NORM_SPIKE:
        bit_format(text, room, "the %s %.6g is above %.6g%s",
                   a->kind == BIT__ANOMALY_KIND__LOSS_SPIKE ? "loss" : "gradient norm", a->value, a->bound,
                   a->expected ? ", as expected so soon behind the switch" : "");
        break;
    case BIT__ANOMALY_KIND__STRAGGLER:
        bit_format(text, room, "rank %u takes %.2f times as long as the others, most of it in %.*s", a->rank, a->value,
                   a->place ? place_bytes(a) : 1, a->place ? a->place : "?");
        break;
    default:
        bit_format(text, room, "the copy of the weights on rank %u is not the others'%s%.*s%s", a->rank, in,
                   place_bytes(a), place,
                   a->healed ? "; the step was done again with the right one" : ", and was not after doing it again");
        break;
    }
}

static const char *said_of(Bit__GuardAction policy, Bit__GuardAction action)
{
    if (action == BIT__GUARD_ACTION__STOP)
        return policy == action ? "; the run is stopped" : "; too often, the run is stopped";
    if (action == BIT__GUARD_ACTION__REWIND)
        return "; going back";
    return action == BIT__GUARD_ACTION__SKIP_STEP ? "; the update was left out" : "";
}

static void add(struct bit_guard_notes *notes, const struct bit_run *run, const Bit__StepReport *m,
                const Bit__Anomaly *what)
{
    if (notes->count == BIT_GUARD_NOTES_MAX)
        return;
    size_t i = notes->count++;
    Bit__Anomaly *a = &notes->item[i];
    *a = *what;
    Bit__GuardAction policy = policy_of(run->spec->guard, a);
    a->has_action = true;
    a->action = limited(run, policy, m);
    describe(a, notes->text[i], sizeof notes->text[i]);
    bit_format_more(notes->text[i], sizeof notes->text[i], "%s", said_of(policy, a->action));
    a->text = notes->text[i];
    notes->list[i] = a;
    bit_warn("anomaly", "run=%s step=%" PRIu64 " text=\"%s\"", run->id, m->step, notes->text[i]);
}

static void judge_spike(struct bit_guard *guard, const struct bit_run *run, const Bit__StepReport *m,
                        struct bit_guard_notes *notes)
{
    struct bit_spike_bounds bounds;
    bit_spike_bounds(run->spec, &run->plan, &run->history, m->step, &bounds);
    bool loss = bounds.has_loss && m->loss > bounds.loss, norm = bounds.has_norm && m->grad_norm > bounds.norm;
    bool goes_on = guard->spiking != 0 && guard->spiking + 1 == m->step;
    if (!loss && !norm)
        return;
    guard->spiking = m->step;
    if (goes_on && (bounds.expected || run->spec->guard->spike == BIT__GUARD_ACTION__WARN))
        return;
    Bit__Anomaly a = BIT__ANOMALY__INIT;
    a.kind = loss ? BIT__ANOMALY_KIND__LOSS_SPIKE : BIT__ANOMALY_KIND__NORM_SPIKE;
    a.has_value = a.has_bound = a.has_expected = true;
    a.value = loss ? m->loss : m->grad_norm;
    a.bound = loss ? bounds.loss : bounds.norm;
    a.expected = bounds.expected;
    add(notes, run, m, &a);
}

static void judge_ranks(struct bit_guard *guard, const struct bit_run *run, const Bit__StepReport *m,
                        struct bit_guard_notes *notes)
{
    const Bit__GuardSpec *g = run->spec->guard;
    size_t ranks = m->n_rank_us / BIT_STRAGGLER_SECTIONS;
    int64_t behind = bit_straggler_note(&guard->straggler, m->rank_us, ranks, g->straggler_ratio, g->straggler_steps);
    if (behind < 0)
        return;
    Bit__Anomaly a = BIT__ANOMALY__INIT;
    a.kind = BIT__ANOMALY_KIND__STRAGGLER;
    a.has_rank = a.has_value = a.has_bound = true;
    a.rank = (uint32_t)behind;
    a.value = guard->straggler.rank[behind].ratio;
    a.bound = g->straggler_ratio;
    a.place = (char *)(uintptr_t)bit_straggler_place(&guard->straggler, (size_t)behind);
    add(notes, run, m, &a);
}

void bit_guard_judge(struct bit_guard *guard, const struct bit_run *run, Bit__StepReport *m,
                     struct bit_guard_notes *notes)
{
    struct bit_fact fact;
    bool skipped = m->has_skipped && m->skipped;
    notes->count = 0;
    notes->theirs = m->anomaly;
    notes->their_count = m->n_anomaly;
    notes->their_us = m->n_rank_us;
    for (size_t i = 0; i < m->n_anomaly; i++)
        add(notes, run, m, m->anomaly[i]);
    if (!skipped)
        judge_spike(guard, run, m, notes);
    judge_ranks(guard, run, m, notes);
    m->anomaly = notes->list;
    m->n_anomaly = notes->count;
    m->n_rank_us = 0; /* kept here, not in the journal */
    bit_run_next_fact(run, m, &fact);
    m->has_position = m->has_link = true;
    m->position = fact.position;
    m->link = fact.link;
}

void bit_guard_restore(Bit__StepReport *m, const struct bit_guard_notes *notes)
{
    m->anomaly = notes->theirs;
    m->n_anomaly = notes->their_count;
    m->n_rank_us = notes->their_us;
}

/* ---------------------------------------------------------------- acting */

static void go_back(struct bit_job *job)
{
    struct bit_run *run = &job->runner->run;
    char reason[BIT_RUN_REASON_MAX];
    Bit__Rewound m = BIT__REWOUND__INIT;
    m.at_step = run->due.step;
    m.to_step = bit_guard_target(run, run->due.step);
    m.skip = bit_rewinds_skip(&run->rewinds, m.to_step, m.at_step, run->spec->guard->skip_batches);
    bit_format(reason, sizeof reason, "back from step %" PRIu64 " to %" PRIu64 ", leaving out %" PRIu64 " batches: %s",
               m.at_step, m.to_step, m.skip, run->due.text);
    m.reason = reason;
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;
    record.what_case = BIT__JOURNAL_RECORD__WHAT_REWOUND;
    record.rewound = &m;
    bit_warn("rewound", "run=%s reason=%s", run->id, reason);
    bit_runner_record(job->runner, &record);
    bit_job_end(job, 0, "%s", reason);
}

void bit_guard_act(struct bit_job *job)
{
    struct bit_run *run = &job->runner->run;
    if (run->due.action == 0 || run->state != BIT__RUN_STATE__TRAINING || job->phase == BIT_JOB_ENDING)
        return;
    if (run->due.action == BIT__GUARD_ACTION__REWIND)
        go_back(job);
    else
        bit_job_end(job, run->due.err, "step %" PRIu64 ": %s", run->due.step, run->due.text);
}

/* ---------------------------------------------------------------- after a restart */

void bit_guard_verify(struct bit_job *job)
{
    struct bit_run *run = &job->runner->run;
    const struct bit_rerun *rerun = &run->rerun;
    char text[BIT_ERR_TEXT_MAX];
    Bit__ResumeVerified m = BIT__RESUME_VERIFIED__INIT;
    bool differs = rerun->first.field != NULL, same_machine = rerun->machines[0] == '\0';
    if (!bit_rerun_is_done(rerun))
        return;
    bit_rerun_text(rerun, text, sizeof text);
    m.from_step = BIT_MIN(rerun->from, rerun->compared);
    m.to_step = rerun->compared;
    m.equal = !differs && same_machine;
    m.text = text;
    m.has_comparable = true;
    m.comparable = same_machine;
    m.has_step = differs;
    m.step = rerun->at;
    struct bit_difference first = rerun->first;
    m.field = differs ? (char *)(uintptr_t)first.field : NULL;
    m.was = differs ? first.was : NULL;
    m.is = differs ? first.is : NULL;
    m.has_link = m.equal;
    m.link = run->link;
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;
    record.what_case = BIT__JOURNAL_RECORD__WHAT_VERIFIED;
    record.verified = &m;
    if (m.equal)
        bit_info("resume verified", "run=%s from=%" PRIu64 " to=%" PRIu64 " text=\"%s\"", run->id, m.from_step,
                 m.to_step, text);
    else
        bit_warn(differs ? "resume differs" : "resume not comparable", "run=%s text=\"%s\"", run->id, text);
    bit_runner_record(job->runner, &record);
    if (differs && run->spec->guard->resume == BIT__GUARD_ACTION__STOP)
        bit_job_end(job, BIT_EDIFFERS, "the resume differs: %s", text);
}
