#include "daemon/run/run_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/run/fork_peer.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

#define MACHINES_MAX 1024 /* with more, the last entry is reused for each further machine */

/* ---- ready */

static int note_machine(struct bit_run *run, const Bit__WorkerReady *m)
{
    struct bit_machine now;
    char unused[256];

    bit_machine_from_ready(&now, m, run->spec->launch != NULL ? run->spec->launch->ranks : 0);
    for (run->machine_now = 0; run->machine_now < run->machine_count; run->machine_now++)
        if (bit_machine_equal(&run->machine[run->machine_now], &now, unused, sizeof unused))
            return 0;
    run->machine_now = BIT_MIN(run->machine_now, (size_t)MACHINES_MAX - 1);
    struct bit_machine *grown = realloc(run->machine, (run->machine_now + 1) * sizeof *grown);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "what %s ran on", run->id);
    run->machine = grown;
    run->machine[run->machine_now] = now;
    run->machine_count = run->machine_now + 1;
    return 0;
}

static void note_products(struct bit_run *run, const Bit__WorkerReady *m)
{
    char *text = run->launch.products_anew;

    text[0] = '\0';
    for (size_t i = 0; i < m->n_product && text[0] == '\0'; i++)
        if (m->product[i]->anew != NULL)
            bit_format(text, sizeof run->launch.products_anew, "%s", m->product[i]->anew);
}

static void begin_rerun(struct bit_run *run, const Bit__WorkerReady *m)
{
    const struct bit_run_checkpoint *c = m->step > 0 ? bit_run_find_checkpoint(run, run->launch.restore) : NULL;
    struct bit_rerun_state was = {0};

    if (c != NULL)
        was = (struct bit_rerun_state){.has_weights = true,
                                       .weights_digest = c->weights_digest,
                                       .has_moments = c->has_moments,
                                       .moments_digest = c->moments_digest};
    bit_rerun_begin(&run->rerun, m->step, run->step_max, c != NULL ? &was : NULL, m);
}

int bit_run_apply_ready(struct bit_run *run, const Bit__WorkerReady *m)
{
    const struct bit_fact *at = bit_history_get(&run->history, m->step);

    if (m->step > run->step_max)
        return bit_fail(BIT_ECORRUPT, "the worker is after step %llu, but the journal ends at step %llu",
                        (unsigned long long)m->step, (unsigned long long)run->step_max);
    run->step = m->step;
    run->precision = m->phase->precision;
    run->rate.count = 0;
    run->launch.stood = true;
    run->has_gpu = false;
    run->launch.failures = 0;
    bool forked = run->fork != NULL && run->fork->has_link && run->fork->step == m->step;
    run->chain = at != NULL ? at->link : forked ? run->fork->link : bit_chain_begin(m->weights_digest);
    bit_format(run->launch.backend, sizeof run->launch.backend, "%s", m->backend);
    note_products(run, m);
    begin_rerun(run, m);
    return note_machine(run, m);
}

/* ---- steps */

void bit_run_next_fact(const struct bit_run *run, const Bit__StepReport *m, struct bit_fact *out)
{
    bit_fact_from_report(out, m);
    out->position = bit_run_position(run, m->step);
    out->machine = (uint16_t)run->machine_now;
    out->link = bit_chain_next(run->chain, m->step, out);
}

static const struct bit_machine *machine_at(const struct bit_run *run, size_t i)
{
    static const struct bit_machine unknown = {0};

    return i < run->machine_count ? &run->machine[i] : &unknown;
}

static void note_seen(struct bit_run *run, const Bit__Anomaly *what, uint64_t step, uint64_t time_ns)
{
    struct bit_run_seen *seen = &run->seen[run->seen_count++ % BIT_RUN_SEEN_MAX];

    *seen = (struct bit_run_seen){.step = step, .time_ns = time_ns, .what = *what};
    bit_format(seen->place, sizeof seen->place, "%s", what->place ? what->place : "");
    bit_format(seen->text, sizeof seen->text, "%s", what->text ? what->text : "");
    bool asks = what->has_action &&
                (what->action == BIT__GUARD_ACTION__REWIND || what->action == BIT__GUARD_ACTION__STOP);
    if (!asks || run->due.action >= what->action) /* of several, the strongest action */
        return;
    run->due = (struct bit_run_due){.action = what->action,
                                    .err = what->kind == BIT__ANOMALY_KIND__REPLICA ? BIT_EREPLICA : BIT_ENUMERIC,
                                    .step = step};
    bit_format(run->due.text, sizeof run->due.text, "%s", seen->text);
}

static void note_last(struct bit_run *run, const Bit__StepReport *m)
{
    run->last = *m;
    run->last_split = *m->split;
    run->last.split = &run->last_split;
    run->last.n_anomaly = run->last.n_rank_us = run->last.n_rank_told = 0; /* owned by the report */
    run->last.anomaly = NULL;
    run->last.rank_us = run->last.rank_told = NULL;
    run->last.gpu = NULL;
    run->has_last = true;
    if (m->gpu == NULL)
        return;
    run->gpu = *m->gpu;
    run->has_gpu = true;
}

static void note_rate(struct bit_run *run, const Bit__StepReport *m)
{
    if (run->has_last && run->last.precision != m->precision)
        run->rate.count = 0;
    unsigned slot = run->rate.count++ % BIT_RUN_RATE_STEPS;
    run->rate.ms[slot] = m->ms;
    run->rate.tokens[slot] = m->tokens;
}

int bit_run_apply_step(struct bit_run *run, const Bit__StepReport *m, uint64_t time_ns)
{
    const struct bit_fact *was = bit_history_get(&run->history, m->step);
    struct bit_fact is;

    if (m->step != run->step + 1)
        return bit_fail(BIT_ECORRUPT, "step %llu after step %llu", (unsigned long long)m->step,
                        (unsigned long long)run->step);
    bit_run_next_fact(run, m, &is);
    bit_rerun_step(&run->rerun, m->step, was, &is, machine_at(run, was ? was->machine : 0),
                   machine_at(run, is.machine));
    bit_fork_peer_step(run, m->step, &is, machine_at(run, is.machine));
    run->skipped += is.skipped;
    run->skipped -= was != NULL && was->skipped && run->skipped > 0;
    run->chain = is.link;
    note_rate(run, m);
    note_last(run, m);
    run->step = m->step;
    run->step_max = BIT_MAX(run->step_max, m->step);
    run->precision = m->precision;
    run->last_step_ns = time_ns;
    run->takes_other_data = false;
    if (run->due.step >= m->step) /* repeated: the step asks for it again, or not */
        run->due = (struct bit_run_due){0};
    for (size_t i = 0; i < m->n_anomaly; i++)
        note_seen(run, m->anomaly[i], m->step, time_ns);
    return bit_history_put(&run->history, m->step, &is);
}

unsigned bit_run_skipped_within(const struct bit_run *run, uint64_t steps)
{
    unsigned count = 0;

    for (uint64_t s = run->step; s > 0 && run->step - s < steps; s--) {
        const struct bit_fact *fact = bit_history_get(&run->history, s);
        count += fact != NULL && fact->skipped;
    }
    return count;
}

/* ---- comparisons and rewinds */

int bit_run_apply_verified(struct bit_run *run, const Bit__ResumeVerified *m)
{
    Bit__ResumeVerified *copy = bit_msg_clone(m);

    if (copy == NULL)
        return bit_fail(-ENOMEM, "a comparison of %s", run->id);
    if (m->against != NULL) {
        bit_msg_free(run->fork_verified);
        run->fork_verified = copy;
        bit_fork_peer_destroy(run->peer);
        run->peer = NULL;
        return 0;
    }
    bit_msg_free(run->verified);
    run->verified = copy;
    if (m->equal)
        run->verified_step = m->to_step;
    run->rerun = (struct bit_rerun){0};
    return 0;
}

static void drop_behind(struct bit_run *run, uint64_t step)
{
    size_t kept = 0, asked = 0;

    for (size_t i = 0; i < run->checkpoints.count; i++)
        if (run->checkpoints.list[i].step <= step)
            run->checkpoints.list[kept++] = run->checkpoints.list[i];
    run->checkpoints.count = kept;
    for (size_t i = 0; i < run->checkpoints.asked_count; i++)
        if (run->checkpoints.asked[i] <= step)
            run->checkpoints.asked[asked++] = run->checkpoints.asked[i];
    run->checkpoints.asked_count = asked;
}

static void forget_skipped(struct bit_run *run, uint64_t after)
{
    for (uint64_t s = BIT_MAX(after + 1, run->history.first); s <= run->history.last; s++) {
        const struct bit_fact *fact = bit_history_get(&run->history, s);
        run->skipped -= fact != NULL && fact->skipped && run->skipped > 0;
    }
}

/* Forget evaluations after steps that are given up; those after `step` itself are not repeated. */
static void forget_evaluations(struct bit_run *run, uint64_t step)
{
    if (run->eval.step <= step)
        return;
    run->eval.step = step;
    run->eval.count = UINT64_MAX;
    bit_task_results_forget(&run->eval.tasks);
}

/* Give up the steps after `step` and their checkpoints. */
static int give_up(struct bit_run *run, uint64_t step, uint64_t skip, uint64_t at)
{
    int err = bit_rewinds_add(&run->rewinds, step, skip, at, run->launch.epoch);

    if (err < 0)
        return err;
    forget_skipped(run, step);
    drop_behind(run, step);
    bit_history_cut(&run->history, step);
    run->launch.launched = false;
    run->due = (struct bit_run_due){0};
    run->rerun = (struct bit_rerun){0};
    run->step = run->step_max = step;
    run->step_max_lost = BIT_MIN(run->step_max_lost, step);
    run->verified_step = BIT_MIN(run->verified_step, step);
    run->switched &= step > run->switched_after;
    forget_evaluations(run, step);
    run->has_last = false;
    run->rate.count = 0;
    return 0;
}

/* No job counts any more: what is left of it is ended before the next launch. */
int bit_run_apply_rewound(struct bit_run *run, const Bit__Rewound *m)
{
    if (m->to_step >= m->at_step || m->to_step > run->step_max || m->at_step > run->step_max || m->skip > BIT_STEPS_MAX)
        return bit_fail(BIT_ECORRUPT, "a rewind from step %llu to %llu, but the journal ends at step %llu",
                        (unsigned long long)m->at_step, (unsigned long long)m->to_step,
                        (unsigned long long)run->step_max);
    int err = give_up(run, m->to_step, m->skip, m->at_step);
    if (err < 0)
        return err;
    run->state = BIT__RUN_STATE__RESTARTING;
    bit_format(run->reason, sizeof run->reason, "%s", m->reason);
    return 0;
}

int bit_run_apply_resumed_steps(struct bit_run *run, const Bit__RunResumed *m)
{
    uint64_t skip = m->has_skip ? m->skip : 0;

    if (m->from_step > run->step_max || skip > BIT_STEPS_MAX)
        return bit_fail(BIT_ECORRUPT, "a resume from step %llu, but the journal ends at step %llu",
                        (unsigned long long)m->from_step, (unsigned long long)run->step_max);
    int err = m->has_given_up && m->given_up ? give_up(run, m->from_step, skip, run->step_max + 1) : 0;
    if (err == 0)
        run->rewinds.before = run->rewinds.count;
    return err;
}
