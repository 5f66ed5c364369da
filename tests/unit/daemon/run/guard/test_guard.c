/* The pure parts of the guard: rewinds, spike bounds, stragglers, comparisons after a restart, and how a run applies
 * their records. */
#include "daemon/run/guard/guard.h"
#include "daemon/run/run_apply.h"

#include <math.h>
#include <stdio.h>

#include "daemon/run/run_steps.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"
#include "tests/test.h"

/* ---- fixtures */

static uint64_t seed = 1;

static double uniform(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) * 0x1p-53;
}

static double noise(void) /* about normal, standard deviation 1 */
{
    double sum = 0;

    for (int i = 0; i < 12; i++)
        sum += uniform();
    return sum - 6;
}

static Bit__RunSpec *make_spec(const char *more)
{
    struct bit_problems problems = {0};
    ProtobufCMessage *spec = NULL;
    char text[1024];
    int n = snprintf(text, sizeof text,
                     "model { preset: 'olmo_20m' } data { train: '/a' } schedule { steps: 1000 warmup_steps: 0 } %s",
                     more);

    EXPECT_EQ(bit_text_parse(&bit__run_spec__descriptor, text, (size_t)n, &spec, &problems), 0);
    EXPECT_EQ(bit_spec_normalise((Bit__RunSpec *)spec, NULL, &problems), 0);
    EXPECT_EQ(bit_spec_validate((Bit__RunSpec *)spec, &problems), 0);
    return (Bit__RunSpec *)spec;
}

static void make_run(struct bit_run *run, const char *more)
{
    Bit__RunSubmitted m = BIT__RUN_SUBMITTED__INIT;
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;

    m.run = m.request_id = (char *)(uintptr_t) "r1";
    r.what_case = BIT__JOURNAL_RECORD__WHAT_SUBMITTED;
    r.submitted = &m;
    r.seq = 1;
    bit_run_init(run, 1, make_spec(more));
    EXPECT_EQ(bit_run_apply(run, &r), 0);
    run->state = BIT__RUN_STATE__TRAINING;
}

static void ready(struct bit_run *run, uint64_t step, uint32_t ranks, uint64_t weights, uint64_t moments)
{
    Bit__WorkerReady m = BIT__WORKER_READY__INIT;
    Bit__PhaseState phase = BIT__PHASE_STATE__INIT;

    phase.precision = BIT__PRECISION__SIXTEEN_BIT;
    m.step = step;
    m.phase = &phase;
    m.backend = (char *)(uintptr_t) "cpu";
    m.weights_digest = weights;
    m.has_moments_digest = m.has_ranks = true;
    m.moments_digest = moments;
    m.ranks = ranks;
    EXPECT_EQ(bit_run_apply_ready(run, &m), 0);
}

/* Judges the step, then applies it, as reports.c does. Returns the action on its first anomaly, 0 if it has none. */
static Bit__GuardAction step(struct bit_run *run, struct bit_guard *guard, uint64_t s, double loss, double norm,
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

static void checkpoint(struct bit_run *run, uint64_t at, uint64_t weights, uint64_t moments)
{
    Bit__CheckpointReport m = BIT__CHECKPOINT_REPORT__INIT;
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;
    char name[32];

    snprintf(name, sizeof name, "step-%08u", (unsigned)at);
    m.after_step = at;
    m.name = name;
    m.has_weights_digest = m.has_moments_digest = true;
    m.weights_digest = weights;
    m.moments_digest = moments;
    r.what_case = BIT__JOURNAL_RECORD__WHAT_CHECKPOINT;
    r.checkpoint = &m;
    r.seq = run->seq + 1;
    EXPECT_EQ(bit_run_apply(run, &r), 0);
    snprintf(run->launch.restore, sizeof run->launch.restore, "%s", name);
}

static void rewind_to(struct bit_run *run, uint64_t to, uint64_t skip, uint64_t at)
{
    Bit__Rewound m = BIT__REWOUND__INIT;

    m.to_step = to;
    m.skip = skip;
    m.at_step = at;
    m.reason = (char *)(uintptr_t) "back";
    EXPECT_EQ(bit_run_apply_rewound(run, &m), 0);
}

/* ---- rewinds */

TEST(positions_follow_the_rewinds)
{
    struct bit_rewinds r = {0};

    EXPECT_EQ(bit_rewinds_position(&r, 7), 7);
    EXPECT_EQ(bit_rewinds_skip(&r, 10, 15, 2), 5); /* the batch of step 15 must not come again */
    EXPECT_EQ(bit_rewinds_add(&r, 10, 5, 15, 1), 0);
    EXPECT_EQ(bit_rewinds_position(&r, 10), 10);
    EXPECT_EQ(bit_rewinds_position(&r, 11), 16);
    EXPECT_EQ(bit_rewinds_add(&r, 20, 100, 22, 2), 0);
    EXPECT_EQ(bit_rewinds_position(&r, 20), 25);
    EXPECT_EQ(bit_rewinds_position(&r, 21), 126);
    /* Back to the same step: counted from that step's batch, so the batches left out before are included. */
    EXPECT_EQ(bit_rewinds_skip(&r, 20, 23, 1), 103);
    EXPECT_EQ(bit_rewinds_add(&r, 20, 103, 23, 3), 0);
    EXPECT_EQ(bit_rewinds_position(&r, 21), 129);
    EXPECT_EQ(bit_rewinds_to(&r, 20), 2);
    /* Further back than all rewinds before, which no longer apply. */
    EXPECT_EQ(bit_rewinds_skip(&r, 5, 21, 1), 124);
    EXPECT_EQ(bit_rewinds_add(&r, 5, 124, 21, 4), 0);
    EXPECT_EQ(bit_rewinds_position(&r, 5), 5);
    EXPECT_EQ(bit_rewinds_position(&r, 6), 130);
    bit_rewinds_finish(&r);
}

TEST(no_batch_comes_twice_whatever_is_rewound)
{
    struct bit_rewinds r = {0};
    uint64_t used[512], last = 0;

    for (int i = 0; i < 60; i++) {
        uint64_t at = last + 1 + (uint64_t)(uniform() * 8), to = (uint64_t)(uniform() * (double)at);
        for (uint64_t s = last + 1; s <= at; s++)
            used[s] = bit_rewinds_position(&r, s);
        uint64_t bad = used[at];
        EXPECT_EQ(bit_rewinds_add(&r, to, bit_rewinds_skip(&r, to, at, (uint64_t)(uniform() * 3)), at, 1), 0);
        for (uint64_t s = 1; s <= to; s++)
            EXPECT_EQ(bit_rewinds_position(&r, s), used[s]); /* kept steps keep their batches */
        EXPECT(bit_rewinds_position(&r, to + 1) > bad);
        last = to;
    }
    bit_rewinds_finish(&r);
}

TEST(checkpoints_of_a_line_that_is_no_more)
{
    struct bit_rewinds r = {0};

    EXPECT_EQ(bit_rewinds_add(&r, 10, 5, 15, 3), 0);
    EXPECT(!bit_rewinds_gave_up(&r, 10, 1));
    EXPECT(bit_rewinds_gave_up(&r, 12, 1));
    EXPECT(bit_rewinds_gave_up(&r, 12, 3)); /* in the launch that was rewound, too */
    EXPECT(!bit_rewinds_gave_up(&r, 12, 4));
    bit_rewinds_finish(&r);
}

TEST(a_run_that_was_set_back)
{
    struct bit_run run;
    struct bit_guard guard = {0};

    make_run(&run, "guard { rewind_steps: 3 skip_batches: 2 }");
    ready(&run, 0, 2, 77, 0);
    for (uint64_t s = 1; s <= 12; s++) {
        EXPECT_EQ(step(&run, &guard, s, 5, 1, s == 7), s == 7 ? BIT__GUARD_ACTION__SKIP_STEP : 0);
        if (s % 4 == 0)
            checkpoint(&run, s, s, s);
    }
    const uint64_t link = bit_history_get(&run.history, 8)->link;
    EXPECT_EQ(run.skipped, 1);
    EXPECT_EQ(bit_guard_target(&run, 11), 8);
    EXPECT_EQ(bit_guard_target(&run, 10), 4); /* 8 is not 3 steps back */
    EXPECT_EQ(bit_guard_target(&run, 5), 4);  /* none is: the oldest one */
    EXPECT_EQ(bit_guard_target(&run, 3), 0);
    rewind_to(&run, 8, 4, 12);
    EXPECT_EQ(run.state, BIT__RUN_STATE__RESTARTING);
    EXPECT_EQ(run.step_max, 8);
    EXPECT_EQ(run.checkpoints.count, 2);
    EXPECT_EQ(run.skipped, 1);
    EXPECT(bit_history_get(&run.history, 9) == NULL);
    EXPECT_EQ(bit_run_position(&run, 9), 13);
    snprintf(run.launch.restore, sizeof run.launch.restore, "step-00000008");
    ready(&run, 8, 2, 8, 8);
    EXPECT_EQ(run.chain, link); /* the chain goes on from the checkpoint's step */
    EXPECT(bit_rerun_is_done(&run.rerun) && run.rerun.first.field == NULL);
    bit_run_finish(&run);
}

/* ---- NaN */

TEST(too_many_skipped_steps_stop_the_run)
{
    struct bit_run run;
    struct bit_guard guard = {0};

    make_run(&run, "guard { nan: SKIP_STEP most: 2 }");
    ready(&run, 0, 2, 77, 0);
    for (uint64_t s = 1; s <= 300; s++) {
        bool bad = s == 10 || s == 60 || s == 160 || s == 200 || s == 259;
        Bit__GuardAction want = !bad ? 0 : s == 259 ? BIT__GUARD_ACTION__STOP : BIT__GUARD_ACTION__SKIP_STEP;
        EXPECT_EQ(step(&run, &guard, s, 5, 1, bad), want); /* 160, 200 and 259 lie within 100 */
        if (s == 259)
            break;
        EXPECT_EQ(run.due.action, 0);
    }
    EXPECT_EQ(run.due.action, BIT__GUARD_ACTION__STOP);
    EXPECT_EQ(run.due.step, 259);
    EXPECT_CONTAINS(run.due.text, "the loss is NaN or infinite, first on rank 1; too often, the run is stopped");
    EXPECT_EQ(run.skipped, 5);
    EXPECT_EQ(run.seen_count, 5);
    bit_run_finish(&run);
}

TEST(a_rewind_is_due_until_it_is_made)
{
    struct bit_run run;
    struct bit_guard guard = {0};

    make_run(&run, "guard { preset: 'palm' most: 1 }");
    ready(&run, 0, 2, 77, 0);
    EXPECT_EQ(step(&run, &guard, 1, 5, 1, false), 0);
    EXPECT_EQ(step(&run, &guard, 2, 0, 0, true), BIT__GUARD_ACTION__REWIND);
    EXPECT_EQ(step(&run, &guard, 3, 5, 1, false), 0); /* a report that was in flight */
    EXPECT_EQ(run.due.action, BIT__GUARD_ACTION__REWIND);
    EXPECT_EQ(run.due.step, 2);
    rewind_to(&run, 0, 2, 2);
    EXPECT_EQ(run.due.action, 0);
    ready(&run, 0, 2, 77, 0);
    EXPECT_EQ(step(&run, &guard, 1, 0, 0, true), BIT__GUARD_ACTION__STOP); /* `most` allows one rewind */
    bit_run_finish(&run);
}

/* ---- spikes */

struct spiking {
    struct bit_run run;
    struct bit_guard guard;
    uint64_t step;
};

static void spiking_init(struct spiking *t, const char *more)
{
    *t = (struct spiking){.step = 0};
    make_run(&t->run, more);
    ready(&t->run, 0, 2, 77, 0);
}

static Bit__GuardAction next(struct spiking *t, double loss, double norm)
{
    return step(&t->run, &t->guard, ++t->step, loss, norm, false);
}

/* A falling, noisy loss, as in training. */
static double usual(uint64_t s)
{
    return 3 + 4 * exp(-(double)s / 100) + 0.05 * noise();
}

TEST(noise_is_no_spike_and_a_spike_is_none)
{
    struct spiking t;

    printf("seed %d\n", (int)seed);
    spiking_init(&t, "");
    for (int i = 0; i < 900; i++)
        EXPECT_EQ(next(&t, usual(t.step), exp(0.3 * noise())), 0);
    EXPECT_EQ(next(&t, 4.5, 1), BIT__GUARD_ACTION__WARN);
    EXPECT_EQ(next(&t, 4.6, 1), 0); /* reported once */
    EXPECT_EQ(next(&t, 3, 1), 0);
    EXPECT_EQ(next(&t, 3, 20), BIT__GUARD_ACTION__WARN);
    EXPECT_EQ(t.run.seen_count, 2);
    EXPECT_CONTAINS(t.run.seen[1].text, "the gradient norm 20 is above");
    bit_run_finish(&t.run);
}

/* Spikes in an eighth of a window hardly move median and MAD; mean and standard deviation would be useless. */
TEST(spikes_do_not_hide_one_another)
{
    struct spiking t;
    struct bit_spike_bounds before, after;

    spiking_init(&t, "guard { spike: WARN }");
    for (int i = 0; i < 200; i++)
        next(&t, 3 + 0.05 * noise(), 1);
    bit_spike_bounds(t.run.spec, &t.run.plan, &t.run.history, t.step + 1, &before);
    for (int i = 0; i < 40; i++)
        next(&t, i % 2 ? 50 : 3 + 0.05 * noise(), 1);
    bit_spike_bounds(t.run.spec, &t.run.plan, &t.run.history, t.step + 1, &after);
    EXPECT(before.has_loss && after.has_loss && !before.expected);
    EXPECT(before.loss > 3.1 && before.loss < 3.8);
    EXPECT(after.loss < 4.2);
    bit_run_finish(&t.run);
}

/* A bound depends only on steps that are known when its step is ordered, and not on skipped ones. */
TEST(a_bound_is_the_same_whenever_the_step_is_ordered)
{
    struct spiking t;
    struct bit_spike_bounds early, late;

    spiking_init(&t, "guard { spike: SKIP_STEP window: 32 }");
    EXPECT_EQ(bit_guard_lookahead(&t.run, 64), BIT_SPIKE_LAG);
    EXPECT_EQ(bit_guard_lookahead(&t.run, 4), 4);
    for (int i = 0; i < 100; i++)
        next(&t, 3 + 0.05 * noise(), 1);
    bit_spike_bounds(t.run.spec, &t.run.plan, &t.run.history, t.step + BIT_SPIKE_LAG, &early);
    for (int i = 0; i < BIT_SPIKE_LAG - 1; i++)
        next(&t, 3.3, 1);
    bit_spike_bounds(t.run.spec, &t.run.plan, &t.run.history, t.step + 1, &late);
    EXPECT_EQ(early.loss, late.loss);
    EXPECT_EQ(early.norm, late.norm);
    bit_run_finish(&t.run);
}

TEST(a_spike_after_the_switch_is_expected)
{
    struct spiking t;

    spiking_init(&t, "phases { switch { at_step: 300 ramp_steps: 10 } } guard { spike: STOP settle_steps: 150 }");
    for (int i = 0; i < 300; i++)
        EXPECT_EQ(next(&t, 3 + 0.05 * noise(), 1), 0);
    EXPECT_EQ(next(&t, 9, 1), BIT__GUARD_ACTION__WARN);
    EXPECT(t.run.seen[0].what.expected);
    EXPECT_EQ(next(&t, 8.5, 1), 0); /* reported once for the whole spike */
    for (int i = 0; i < 158; i++)
        EXPECT_EQ(next(&t, 5 + 0.05 * noise(), 1), 0);
    EXPECT_EQ(t.step, 460);
    EXPECT_EQ(next(&t, 5, 1), 0); /* steps before the switch no longer count */
    EXPECT_EQ(next(&t, 9, 1), BIT__GUARD_ACTION__STOP);
    EXPECT_EQ(t.run.due.action, BIT__GUARD_ACTION__STOP);
    bit_run_finish(&t.run);
}

TEST(nothing_is_guarded_where_it_is_turned_off)
{
    struct spiking t;

    spiking_init(&t, "guard { loss_sigmas: 0 norm_sigmas: 0 }");
    for (int i = 0; i < 200; i++)
        next(&t, 3, 1);
    EXPECT_EQ(next(&t, 1e9, 1e9), 0);
    bit_run_finish(&t.run);
}

/* ---- stragglers */

static void times(uint32_t *us, size_t ranks, size_t slow, double factor)
{
    for (size_t r = 0; r < ranks; r++) {
        double f = r == slow ? factor : 1;
        const double ms[BIT_STRAGGLER_SECTIONS] = {0, 10 * f, 20 * f + (r == slow ? 5 : 0), 3, 2 * f, 1};
        for (int i = 0; i < BIT_STRAGGLER_SECTIONS; i++)
            us[r * BIT_STRAGGLER_SECTIONS + (size_t)i] = (uint32_t)(1000 * ms[i] * (1 + 0.05 * uniform()));
    }
}

TEST(the_right_rank_is_named_in_time)
{
    for (int round = 0; round < 20; round++) {
        struct bit_straggler s = {0};
        uint32_t us[8 * BIT_STRAGGLER_SECTIONS];
        size_t slow = (size_t)(uniform() * 8);
        int64_t named = -1;
        int after = 0;
        for (int i = 0; i < 300; i++) {
            times(us, 8, 8, 1);
            EXPECT_EQ(bit_straggler_note(&s, us, 8, 1.3, 50), -1); /* none is slow */
        }
        for (; after < 100 && named < 0; after++) {
            times(us, 8, slow, 1.5);
            named = bit_straggler_note(&s, us, 8, 1.3, 50);
        }
        EXPECT_EQ(named, slow);
        EXPECT(after <= 50);
        EXPECT_STREQ(bit_straggler_place(&s, slow), "backward");
        times(us, 8, slow, 1.5);
        EXPECT_EQ(bit_straggler_note(&s, us, 8, 1.3, 50), -1); /* reported once */
        bit_straggler_finish(&s);
    }
}

TEST(one_pause_makes_no_straggler)
{
    struct bit_straggler s = {0};
    uint32_t us[2 * BIT_STRAGGLER_SECTIONS];

    for (int i = 0; i < 200; i++) {
        times(us, 2, i == 100 ? 1 : 2, 1000);
        EXPECT_EQ(bit_straggler_note(&s, us, 2, 1.3, 50), -1);
    }
    EXPECT_EQ(bit_straggler_note(&s, us, 1, 1.3, 50), -1); /* a single rank is never slow */
    bit_straggler_finish(&s);
}

/* ---- comparisons after a restart */

static void train(struct bit_run *run, uint64_t from, uint64_t to)
{
    struct bit_guard guard = {0};

    for (uint64_t s = from; s <= to; s++)
        step(run, &guard, s, 5 - 0.01 * (double)s, 1, false);
    bit_guard_finish(&guard);
}

static void start_again(struct bit_run *run, uint32_t ranks, uint64_t weights, uint64_t moments)
{
    make_run(run, "");
    ready(run, 0, 2, 77, 0);
    train(run, 1, 4);
    checkpoint(run, 4, 40, 41);
    train(run, 5, 9);
    ready(run, 4, ranks, weights, moments);
}

TEST(a_resume_is_verified_to_the_last_step)
{
    struct bit_run run;
    char text[256];

    start_again(&run, 2, 40, 41);
    const uint64_t link = bit_history_get(&run.history, 9)->link;
    train(&run, 5, 8);
    EXPECT(!bit_rerun_is_done(&run.rerun));
    train(&run, 9, 9);
    EXPECT(bit_rerun_is_done(&run.rerun) && run.rerun.first.field == NULL);
    bit_rerun_text(&run.rerun, text, sizeof text);
    EXPECT_STREQ(text, "bit for bit, steps 5 to 9");
    EXPECT_EQ(run.chain, link);
    bit_run_finish(&run);
}

TEST(altered_moments_are_named_before_a_step_is_done)
{
    struct bit_run run;
    char text[256];

    start_again(&run, 2, 40, 42);
    EXPECT(bit_rerun_is_done(&run.rerun));
    EXPECT_STREQ(run.rerun.first.field, "moments");
    bit_rerun_text(&run.rerun, text, sizeof text);
    EXPECT_STREQ(text, "restored after step 4: moments 0x000000000000002a (42), was 0x0000000000000029 (41)");
    bit_run_finish(&run);
    start_again(&run, 2, 39, 41);
    EXPECT_STREQ(run.rerun.first.field, "weights");
    bit_run_finish(&run);
}

/* A fork may begin with fresh moments, or with moments of another type: they are not compared. */
TEST(what_is_said_of_a_restore_is_what_was_compared)
{
    for (int moments = 0; moments < 2; moments++) {
        struct bit_run run;
        char text[256];

        make_run(&run, "");
        ready(&run, 0, 2, 77, 0);
        train(&run, 1, 4);
        checkpoint(&run, 4, 40, 41);
        run.checkpoints.list[0].has_moments = moments;
        ready(&run, 4, 2, 40, moments ? 41 : 42);
        EXPECT(bit_rerun_is_done(&run.rerun) && run.rerun.first.field == NULL);
        bit_rerun_text(&run.rerun, text, sizeof text);
        EXPECT_STREQ(text, moments ? "weights and moments restored after step 4 are those of its checkpoint"
                                   : "weights restored after step 4 are those of its checkpoint");
        bit_run_finish(&run);
    }
}

TEST(the_first_step_that_differs_is_named)
{
    struct bit_run run;
    struct bit_guard guard = {0};
    char text[256];

    start_again(&run, 2, 40, 41);
    train(&run, 5, 6);
    step(&run, &guard, 7, 4.25, 1, false);
    EXPECT(bit_rerun_is_done(&run.rerun));
    bit_rerun_text(&run.rerun, text, sizeof text);
    EXPECT_STREQ(text, "step 7: loss 0x4011000000000000 (4.25), was 0x4013b851eb851eb8 (4.9299999999999997)");
    bit_run_finish(&run);
}

TEST(other_ranks_add_otherwise)
{
    struct bit_run run;
    struct bit_guard guard = {0};
    char text[256];

    start_again(&run, 4, 40, 41);
    for (uint64_t s = 5; s <= 9; s++)
        step(&run, &guard, s, 4.25, 2, false);
    EXPECT(bit_rerun_is_done(&run.rerun) && run.rerun.first.field == NULL);
    bit_rerun_text(&run.rerun, text, sizeof text);
    EXPECT_CONTAINS(text, "not comparable: ranks 2 -> 4; data, phase, strength and learning rate of steps 5 to 9");
    bit_run_finish(&run);
}

TEST_MAIN
