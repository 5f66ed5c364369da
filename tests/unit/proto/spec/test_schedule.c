#include "proto/spec/schedule.h"

#include "proto/check.h"
#include "tests/spec_of.h"

/* A 1B run of 10,000 steps with these lines added; the caller frees it. */
static Bit__RunSpec *run_with(const char *sw)
{
    char text[512];
    Bit__RunSpec *spec;

    snprintf(text, sizeof text, "model { preset: 'olmo_1b' } data { train: '/a' } %s", sw);
    spec = test_spec_normalised(text, NULL);
    if (!EXPECT_EQ(bit_spec_validate(spec, &test_problems), 0)) {
        fprintf(stderr, "%s: %s\n", text, test_problems.item[0].text);
        abort();
    }
    return spec;
}

static struct bit_step_plan at(const Bit__RunSpec *spec, const struct bit_switch_plan *plan, uint64_t step)
{
    struct bit_step_plan out;

    bit_schedule_at(spec, plan, step, &out);
    return out;
}

TEST(cosine_with_warmup_is_olmos)
{
    Bit__RunSpec *spec = run_with("");
    struct bit_switch_plan plan;

    bit_switch_plan_init(&plan, spec);
    EXPECT(!plan.planned);
    EXPECT_NEAR(bit_schedule_lr(spec, &plan, 1), 4.018e-5, 1e-18);
    EXPECT_NEAR(bit_schedule_lr(spec, &plan, 1000), 2.2e-4, 1e-18);
    EXPECT_EQ(bit_schedule_lr(spec, &plan, 2000), 4e-4);
    EXPECT_NEAR(bit_schedule_lr(spec, &plan, 6000), 2.2e-4, 1e-18); /* halfway down the cosine */
    EXPECT_NEAR(bit_schedule_lr(spec, &plan, 10000), 4e-5, 1e-18);
    EXPECT_NEAR(bit_schedule_lr(spec, &plan, 1000000), 4e-5, 1e-18);
    bit_msg_free(spec);
}

TEST(a_longer_cosine_has_hardly_begun_after_10k_steps)
{
    Bit__RunSpec *spec = run_with("schedule { cosine_steps: 739328 }");
    struct bit_switch_plan plan;

    bit_switch_plan_init(&plan, spec);
    EXPECT_NEAR(bit_schedule_lr(spec, &plan, 10000), 3.999e-4, 1e-7);
    bit_msg_free(spec);
}

TEST(without_warmup_the_peak_comes_first)
{
    Bit__RunSpec *spec = run_with("schedule { steps: 4 warmup_steps: 0 final: 0 }");
    struct bit_switch_plan plan;

    bit_switch_plan_init(&plan, spec);
    EXPECT_EQ(bit_schedule_lr(spec, &plan, 0), 4e-4);
    EXPECT_NEAR(bit_schedule_lr(spec, &plan, 2), 2e-4, 1e-18);
    EXPECT_EQ(bit_schedule_lr(spec, &plan, 4), 0);
    bit_msg_free(spec);
}

TEST(a_warmup_as_long_as_the_run_never_meets_the_cosine)
{
    Bit__RunSpec *spec = run_with("schedule { steps: 10 warmup_steps: 10 }");
    struct bit_switch_plan plan;

    bit_switch_plan_init(&plan, spec);
    EXPECT_NEAR(bit_schedule_lr(spec, &plan, 9), 3.64e-4, 1e-18);
    EXPECT_NEAR(bit_schedule_lr(spec, &plan, 10), 4e-5, 1e-18);
    bit_msg_free(spec);
}

TEST(sixteen_bit_throughout)
{
    Bit__RunSpec *spec = run_with("");
    struct bit_switch_plan plan;

    bit_switch_plan_init(&plan, spec);
    for (uint64_t step = 1; step <= 10000; step += 333) {
        struct bit_step_plan p = at(spec, &plan, step);
        EXPECT_EQ(p.precision, BIT__PRECISION__SIXTEEN_BIT);
        EXPECT_EQ(p.strength, 1);
        EXPECT_EQ(p.weight_decay, 0.1);
    }
    bit_msg_free(spec);
}

TEST(the_switch_step_is_the_last_16_bit_one)
{
    Bit__RunSpec *spec = run_with("phases { switch { at_step: 4000 weight_decay: 0 beta2: 0.99 } }");
    struct bit_switch_plan plan;

    bit_switch_plan_init(&plan, spec);
    EXPECT(plan.planned);
    EXPECT_EQ(plan.optimizer, BIT__OPTIMIZER_AT_SWITCH__KEEP);
    struct bit_step_plan before = at(spec, &plan, 4000), after = at(spec, &plan, 4001);
    EXPECT_EQ(before.precision, BIT__PRECISION__SIXTEEN_BIT);
    EXPECT_EQ(after.precision, BIT__PRECISION__TERNARY);
    EXPECT_EQ(before.weight_decay, 0.1);
    EXPECT_EQ(after.weight_decay, 0);
    EXPECT_EQ(before.beta2, 0.95);
    EXPECT_EQ(after.beta2, 0.99);
    EXPECT_EQ(after.beta1, 0.9);
    EXPECT_EQ(after.strength, 1);
    EXPECT_EQ(after.lr, bit_schedule_lr(spec, &(struct bit_switch_plan){0}, 4001)); /* CONTINUE */
    bit_msg_free(spec);
}

TEST(ternary_from_the_first_step)
{
    Bit__RunSpec *spec = run_with("phases { switch { at_step: 0 ramp_steps: 2 ramp: LINEAR } }");
    struct bit_switch_plan plan;

    bit_switch_plan_init(&plan, spec);
    EXPECT_EQ(at(spec, &plan, 1).precision, BIT__PRECISION__TERNARY);
    EXPECT_EQ(at(spec, &plan, 1).strength, 0.5);
    EXPECT_EQ(at(spec, &plan, 2).strength, 1);
    bit_msg_free(spec);
}

TEST(the_tanh_ramp_is_the_references)
{
    Bit__RunSpec *spec = run_with("phases { switch { at_step: 4000 ramp_steps: 1000 } }");
    const Bit__SwitchSpec *sw = spec->phases->switch_;

    static const struct {
        uint64_t t;
        double strength;
    } table[] = {{10, 0.025}, {100, 0.245}, {200, 0.462}, {300, 0.635}, {500, 0.848}, {800, 0.964}, {999, 0.987}};

    EXPECT_EQ(sw->ramp_k, 5);
    for (size_t i = 0; i < BIT_COUNT(table); i++) {
        EXPECT_NEAR(bit_schedule_strength(sw, table[i].t), table[i].strength, 5e-4);
        EXPECT_NEAR(bit_schedule_strength(sw, table[i].t), 2 / (1 + exp(-5.0 * (double)table[i].t / 1000)) - 1, 1e-15);
    }
    EXPECT_EQ(bit_schedule_strength(sw, 1000), 1);
    EXPECT_EQ(bit_schedule_strength(sw, UINT64_MAX), 1);
    bit_msg_free(spec);
}

TEST(linear_and_sigmoid_ramps)
{
    Bit__RunSpec *spec = run_with("phases { switch { at_step: 0 ramp_steps: 1000 ramp: SIGMOID } }");
    Bit__SwitchSpec *sw = spec->phases->switch_;

    EXPECT_EQ(sw->ramp_k, 15);
    EXPECT_NEAR(bit_schedule_strength(sw, 500), 0.5, 1e-15);
    EXPECT_NEAR(bit_schedule_strength(sw, 1), 1 / (1 + exp(7.485)), 1e-15);
    EXPECT_EQ(bit_schedule_strength(sw, 1000), 1);
    sw->ramp = BIT__RAMP_SHAPE__LINEAR;
    EXPECT_EQ(bit_schedule_strength(sw, 250), 0.25);
    EXPECT_EQ(bit_schedule_strength(sw, 1001), 1);
    bit_msg_free(spec);
}

TEST(every_ramp_rises_and_stays_in_its_bounds)
{
    static const char *const shape[] = {"TANH", "LINEAR", "SIGMOID"};
    char text[128];

    for (size_t i = 0; i < BIT_COUNT(shape); i++) {
        snprintf(text, sizeof text, "phases { switch { at_step: 7 ramp_steps: 977 ramp: %s } }", shape[i]);
        Bit__RunSpec *spec = run_with(text);
        double last = 0;
        for (uint64_t t = 1; t < 1200; t++) {
            double now = bit_schedule_strength(spec->phases->switch_, t);
            EXPECT(now > 0 && now <= 1 && now >= last);
            last = now;
        }
        EXPECT_EQ(last, 1);
        bit_msg_free(spec);
    }
}

TEST(rewarming_runs_straight_to_the_old_curve)
{
    Bit__RunSpec *spec = run_with("phases { switch { at_step: 4000 lr: REWARM } }");
    struct bit_switch_plan plan, none = {0};

    bit_switch_plan_init(&plan, spec);
    double meets = bit_schedule_lr(spec, &none, 6000);
    EXPECT_EQ(bit_schedule_lr(spec, &plan, 4000), bit_schedule_lr(spec, &none, 4000));
    EXPECT_NEAR(bit_schedule_lr(spec, &plan, 4001), meets / 2000, 1e-18);
    EXPECT_NEAR(bit_schedule_lr(spec, &plan, 5000), meets / 2, 1e-18);
    EXPECT_EQ(bit_schedule_lr(spec, &plan, 6000), meets);
    EXPECT_EQ(bit_schedule_lr(spec, &plan, 6001), bit_schedule_lr(spec, &none, 6001));
    bit_msg_free(spec);
}

TEST(a_moved_switch_takes_ramp_and_rewarming_along)
{
    Bit__RunSpec *spec = run_with("phases { switch { at_step: 4000 ramp_steps: 100 lr: REWARM rewarm_steps: 50 } }");
    struct bit_switch_plan plan;

    bit_switch_plan_init(&plan, spec);
    double strength = at(spec, &plan, 4010).strength;
    plan.at_step = 3000;
    EXPECT_EQ(at(spec, &plan, 3001).precision, BIT__PRECISION__TERNARY);
    EXPECT_EQ(at(spec, &plan, 3010).strength, strength);
    EXPECT_NEAR(at(spec, &plan, 3010).lr, at(spec, &plan, 3050).lr / 5, 1e-18);
    EXPECT_EQ(at(spec, &plan, 4010).strength, 1);
    plan.planned = false;
    EXPECT_EQ(at(spec, &plan, 9000).precision, BIT__PRECISION__SIXTEEN_BIT);
    bit_msg_free(spec);
}

TEST(a_switch_that_the_spec_does_not_know_is_sharp)
{
    Bit__RunSpec *spec = run_with("");
    struct bit_switch_plan plan = {.planned = true, .at_step = 10};

    struct bit_step_plan p = at(spec, &plan, 11);
    EXPECT_EQ(p.precision, BIT__PRECISION__TERNARY);
    EXPECT_EQ(p.strength, 1);
    EXPECT_EQ(p.weight_decay, 0.1);
    EXPECT_EQ(p.beta2, 0.95);
    bit_msg_free(spec);
}

TEST_MAIN
