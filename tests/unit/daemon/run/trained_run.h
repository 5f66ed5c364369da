/* A run that trains: each step is judged by the guard and applied, as job/reports does. */
#ifndef BIT_TESTS_TRAINED_RUN_H
#define BIT_TESTS_TRAINED_RUN_H

#include "daemon/run/guard/guard.h"
#include "daemon/run/run_steps.h"
#include "tests/run_of.h"

/* olmo_20m over 1000 steps, with `more` in its specification. */
static inline void make_run(struct bit_run *run, const char *more)
{
    char text[1024];

    snprintf(text, sizeof text,
             "model { preset: 'olmo_20m' } data { train: '/a' } schedule { steps: 1000 warmup_steps: 0 } %s", more);
    test_run_init(run, test_spec_normalised(text, NULL));
    EXPECT_EQ(bit_spec_validate(run->spec, &test_problems), 0);
}

static inline void ready(struct bit_run *run, uint64_t step, uint32_t ranks, uint64_t weights, uint64_t moments)
{
    Bit__WorkerReady m = BIT__WORKER_READY__INIT;
    Bit__PhaseState phase = BIT__PHASE_STATE__INIT;

    phase.precision = BIT__PRECISION__SIXTEEN_BIT;
    m.step = step;
    m.phase = &phase;
    m.backend = bit_lend("cpu");
    m.weights_digest = weights;
    m.has_moments_digest = m.has_ranks = true;
    m.moments_digest = moments;
    m.ranks = ranks;
    EXPECT_EQ(bit_run_apply_ready(run, &m), 0);
}

/* Judges the step, then applies it, as reports.c does. Returns the action on its first anomaly, 0 if it has none. */
static inline Bit__GuardAction step(struct bit_run *run, struct bit_guard *guard, uint64_t s, double loss, double norm,
                                    bool skipped)
{
    struct bit_guard_verdict verdict;
    Bit__TimeSplit split = BIT__TIME_SPLIT__INIT;
    Bit__StepReport m = BIT__STEP_REPORT__INIT;
    Bit__Anomaly nan = BIT__ANOMALY__INIT, *all[] = {&nan};

    m.step = s;
    m.precision = BIT__PRECISION__SIXTEEN_BIT;
    m.split = &split;
    m.loss = loss;
    m.grad_norm = norm;
    m.has_skipped = m.skipped = skipped;
    nan.kind = BIT__ANOMALY_KIND__NAN_LOSS;
    nan.has_rank = true;
    nan.rank = 1;
    m.n_anomaly = skipped;
    m.anomaly = all;
    bit_guard_judge(guard, run, &m, &verdict);
    EXPECT(verdict.report.has_position && verdict.report.has_link);
    EXPECT(m.anomaly == all && !m.has_position && !m.has_link && !nan.has_action);
    Bit__GuardAction action = verdict.count > 0 ? verdict.item[0].action : 0;
    EXPECT_EQ(bit_run_apply_step(run, &verdict.report, s), 0);
    return action;
}

/* A launch that comes next begins from it. */
static inline void checkpoint(struct bit_run *run, uint64_t at, uint64_t weights, uint64_t moments)
{
    test_run_checkpoint(run, at, weights, moments, 0);
    snprintf(run->launch.restore, sizeof run->launch.restore, "step-%08u", (unsigned)at);
}

static inline void rewind_to(struct bit_run *run, uint64_t to, uint64_t skip, uint64_t at)
{
    Bit__Rewound m = BIT__REWOUND__INIT;

    m.to_step = to;
    m.skip = skip;
    m.at_step = at;
    m.reason = bit_lend("back");
    EXPECT_EQ(bit_run_apply_rewound(run, &m), 0);
}

static inline void train(struct bit_run *run, uint64_t from, uint64_t to)
{
    struct bit_guard guard = {0};

    for (uint64_t s = from; s <= to; s++)
        step(run, &guard, s, 5 - 0.01 * (double)s, 1, false);
    bit_guard_finish(&guard);
}

#endif
