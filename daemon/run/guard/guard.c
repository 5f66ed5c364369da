#include "daemon/run/guard/guard.h"

#include <string.h>

#include "daemon/run/run_steps.h"
#include "proto/check.h"
#include "proto/format.h"

void bit_guard_finish(struct bit_guard *guard)
{
    bit_straggler_finish(&guard->straggler);
    *guard = (struct bit_guard){0};
}

/* ---- orders */

static bool skips_spikes(const struct bit_run *run, uint64_t step)
{
    return bit_run_spec_at(run, step)->guard->spike == BIT__GUARD_ACTION__SKIP_STEP;
}

unsigned bit_guard_lookahead(const struct bit_run *run, unsigned lookahead)
{
    for (uint64_t step = run->step + 1; step <= run->step + lookahead; step++)
        if (skips_spikes(run, step))
            return BIT_MIN(lookahead, (unsigned)BIT_SPIKE_LAG);
    return lookahead;
}

void bit_guard_order(const struct bit_run *run, Bit__StepOrder *m)
{
    const Bit__RunSpec *spec = bit_run_spec_at(run, m->step);
    const Bit__GuardSpec *g = spec->guard;
    struct bit_spike_bounds bounds;

    m->has_skip_nan = m->skip_nan = g->nan != BIT__GUARD_ACTION__STOP;
    m->has_replica = m->replica = g->replica_every > 0 && m->step % g->replica_every == 0;
    if (!skips_spikes(run, m->step))
        return;
    bit_spike_bounds(spec, &run->plan, &run->history, m->step, &bounds);
    m->has_loss_most = bounds.has_loss && !bounds.expected;
    m->loss_most = bounds.loss;
    m->has_norm_most = bounds.has_norm && !bounds.expected;
    m->norm_most = bounds.norm;
}

/* ---- verdicts */

uint64_t bit_guard_target(const struct bit_run *run, uint64_t at)
{
    uint64_t target = 0;

    for (size_t i = 0; i < run->checkpoints.count; i++) {
        uint64_t step = run->checkpoints.list[i].step;
        bool far = step < at && at - step >= bit_run_spec_at(run, at)->guard->rewind_steps;
        if (far || (target == 0 && step < at)) /* if no checkpoint is that old, the oldest */
            target = step;
    }
    return target;
}

/* The policy's action, or STOP if that was done too often. */
static Bit__GuardAction limit_action(const struct bit_run *run, Bit__GuardAction policy, const Bit__StepReport *m)
{
    uint32_t most = bit_run_spec_at(run, m->step)->guard->most;

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

/* How many bytes of a tensor's name fit into a sentence. */
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
        bit_format(text, room, "the %s is NaN or infinite, first on rank %u%s%.*s",
                   a->kind == BIT__ANOMALY_KIND__NAN_LOSS ? "loss" : "gradient", a->rank, in, place_bytes(a), place);
        break;
    case BIT__ANOMALY_KIND__LOSS_SPIKE:
    case BIT__ANOMALY_KIND__NORM_SPIKE:
        bit_format(text, room, "the %s %.6g is above %.6g%s",
                   a->kind == BIT__ANOMALY_KIND__LOSS_SPIKE ? "loss" : "gradient norm", a->value, a->bound,
                   a->expected ? ", as expected so soon after the switch" : "");
        break;
    case BIT__ANOMALY_KIND__STRAGGLER:
        bit_format(text, room, "rank %u takes %.2f times as long as the others, most of it in %.*s", a->rank, a->value,
                   a->place ? place_bytes(a) : 1, a->place ? a->place : "?");
        break;
    default:
        bit_format(text, room, "the copy of the weights on rank %u differs from the others'%s%.*s%s", a->rank, in,
                   place_bytes(a), place,
                   a->healed ? "; the step was done again with the right one"
                             : ", and still does after doing the step again");
        break;
    }
}

static const char *consequence_of(Bit__GuardAction policy, Bit__GuardAction action)
{
    if (action == BIT__GUARD_ACTION__STOP)
        return policy == action ? "; the run is stopped" : "; too often, the run is stopped";
    if (action == BIT__GUARD_ACTION__REWIND)
        return "; going back";
    return action == BIT__GUARD_ACTION__SKIP_STEP ? "; the update was left out" : "";
}

static void add_anomaly(struct bit_guard_verdict *out, const struct bit_run *run, const Bit__Anomaly *what)
{
    size_t i = out->count;
    Bit__Anomaly *a = &out->item[i];
    Bit__GuardAction policy;

    if (i == BIT_GUARD_ANOMALIES_MAX)
        return;
    out->count++;
    *a = *what;
    policy = policy_of(bit_run_spec_at(run, out->report.step)->guard, a);
    a->has_action = true;
    a->action = limit_action(run, policy, &out->report);
    describe(a, out->text[i], sizeof out->text[i]);
    bit_format_more(out->text[i], sizeof out->text[i], "%s", consequence_of(policy, a->action));
    a->text = out->text[i];
    out->list[i] = a;
}

static void judge_spike(struct bit_guard *guard, const struct bit_run *run, const Bit__StepReport *m,
                        struct bit_guard_verdict *out)
{
    struct bit_spike_bounds bounds;

    bit_spike_bounds(bit_run_spec_at(run, m->step), &run->plan, &run->history, m->step, &bounds);
    bool loss = bounds.has_loss && m->loss > bounds.loss, norm = bounds.has_norm && m->grad_norm > bounds.norm;
    bool goes_on = guard->spiking != 0 && guard->spiking + 1 == m->step;
    if (!loss && !norm)
        return;
    guard->spiking = m->step;
    if (goes_on && (bounds.expected || bit_run_spec_at(run, m->step)->guard->spike == BIT__GUARD_ACTION__WARN))
        return;
    Bit__Anomaly a = BIT__ANOMALY__INIT;
    a.kind = loss ? BIT__ANOMALY_KIND__LOSS_SPIKE : BIT__ANOMALY_KIND__NORM_SPIKE;
    a.has_value = a.has_bound = a.has_expected = true;
    a.value = loss ? m->loss : m->grad_norm;
    a.bound = loss ? bounds.loss : bounds.norm;
    a.expected = bounds.expected;
    add_anomaly(out, run, &a);
}

/* A report of many ranks has the times of only some of them. */
static int64_t note_times(struct bit_straggler *s, const Bit__StepReport *m, const Bit__GuardSpec *g)
{
    size_t rows = m->n_rank_us / BIT_STRAGGLER_SECTIONS;

    if (m->n_rank_told == 0)
        return bit_straggler_note(s, m->rank_us, rows, g->straggler_ratio, g->straggler_steps);
    if (m->n_rank_told != rows || m->ranks > BIT_RANKS_MAX)
        return -1;
    return bit_straggler_note_told(s, m->rank_us, m->rank_told, rows, m->ranks, g->straggler_ratio, g->straggler_steps);
}

static void judge_ranks(struct bit_guard *guard, const struct bit_run *run, const Bit__StepReport *m,
                        struct bit_guard_verdict *out)
{
    const Bit__GuardSpec *g = bit_run_spec_at(run, m->step)->guard;
    int64_t behind = note_times(&guard->straggler, m, g);

    if (behind < 0)
        return;
    Bit__Anomaly a = BIT__ANOMALY__INIT;
    a.kind = BIT__ANOMALY_KIND__STRAGGLER;
    a.has_rank = a.has_value = a.has_bound = true;
    a.rank = (uint32_t)behind;
    a.value = guard->straggler.rank[behind].ratio;
    a.bound = g->straggler_ratio;
    a.place = (char *)(uintptr_t)bit_straggler_place(&guard->straggler, (size_t)behind);
    add_anomaly(out, run, &a);
}

void bit_guard_judge(struct bit_guard *guard, const struct bit_run *run, const Bit__StepReport *m,
                     struct bit_guard_verdict *out)
{
    struct bit_fact fact;
    bool skipped = m->has_skipped && m->skipped;

    out->report = *m;
    out->count = 0;
    for (size_t i = 0; i < m->n_anomaly; i++)
        add_anomaly(out, run, m->anomaly[i]);
    if (!skipped)
        judge_spike(guard, run, m, out);
    judge_ranks(guard, run, m, out);
    out->report.anomaly = out->list;
    out->report.n_anomaly = out->count;
    out->report.n_rank_us = out->report.n_rank_told = 0; /* kept in the guard, not in the journal */
    bit_run_next_fact(run, &out->report, &fact);
    out->report.has_position = out->report.has_link = true;
    out->report.position = fact.position;
    out->report.link = fact.link;
}
