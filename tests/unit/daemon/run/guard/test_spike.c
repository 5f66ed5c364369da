/* When a loss or a norm is a spike, and what the guard does about it. */
#include "daemon/run/guard/spike.h"

#include <math.h>

#include "tests/noise.h"
#include "tests/unit/daemon/run/trained_run.h"

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
    return 3 + 4 * exp(-(double)s / 100) + 0.05 * test_noise();
}

TEST(noise_is_no_spike_and_a_spike_is_none)
{
    struct spiking t;

    spiking_init(&t, "");
    for (int i = 0; i < 900; i++)
        EXPECT_EQ(next(&t, usual(t.step), exp(0.3 * test_noise())), 0);
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
        next(&t, 3 + 0.05 * test_noise(), 1);
    bit_spike_bounds(t.run.spec, &t.run.plan, &t.run.history, t.step + 1, &before);
    for (int i = 0; i < 40; i++)
        next(&t, i % 2 ? 50 : 3 + 0.05 * test_noise(), 1);
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
        next(&t, 3 + 0.05 * test_noise(), 1);
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
        EXPECT_EQ(next(&t, 3 + 0.05 * test_noise(), 1), 0);
    EXPECT_EQ(next(&t, 9, 1), BIT__GUARD_ACTION__WARN);
    EXPECT(t.run.seen[0].what.expected);
    EXPECT_EQ(next(&t, 8.5, 1), 0); /* reported once for the whole spike */
    for (int i = 0; i < 158; i++)
        EXPECT_EQ(next(&t, 5, 1), 0); /* no noise: it could cross the bound twice, which rises to it meanwhile */
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

TEST_MAIN
