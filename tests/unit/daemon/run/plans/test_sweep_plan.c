#include "daemon/run/plans/sweep_plan.h"

#include "proto/check.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"
#include "tests/spec_of.h"
#include "tests/test.h"

#define BRANCHES 8

/* Of 1000 steps. SPEC(...) adds assignments to it. */
static const char *const base[] = {"schedule.steps=1000", "schedule.warmup_steps=100", NULL};
#define SPEC(...) test_spec_of(base, (const char *const[]){__VA_ARGS__, NULL})

#define WSD(decay)      "schedule.shape=WSD", "schedule.decay_steps=" decay
#define CONSTANT(steps) "schedule.shape=CONSTANT", "schedule.steps=" steps

static uint64_t common(Bit__RunSpec *a, Bit__RunSpec *b)
{
    const uint64_t steps = bit_sweep_plan_common(a, b);

    bit_msg_free(a);
    bit_msg_free(b);
    return steps;
}

TEST(two_switches_have_the_steps_before_the_earlier_one)
{
    EXPECT_EQ(common(SPEC("phases.switch.at_step=200"), SPEC("phases.switch.at_step=400")), 200);
    EXPECT_EQ(common(SPEC("phases.switch.at_step=400"), SPEC("phases.switch.at_step=200")), 200);
    EXPECT_EQ(common(SPEC("name=sixteen"), SPEC("phases.switch.at_step=400")), 400);
    EXPECT_EQ(common(SPEC("name=sixteen"), SPEC("phases.switch.at_step=0")), 0);
    EXPECT_EQ(common(SPEC("phases.switch.at_step=200"), SPEC("phases.switch={at_step: 200 optimizer: RESET}")), 200);
    EXPECT_EQ(common(SPEC("phases.switch.at_step=200"), SPEC("phases.switch={at_step: 200 ramp_steps: 50}")), 200);
    EXPECT_EQ(common(SPEC("phases.switch.at_step=200"), SPEC("phases.switch={at_step: 300 lr_factor: 2}")), 200);
    EXPECT_EQ(common(SPEC("phases.switch.at_step=200"), SPEC("phases.switch.at_step=200", "quantizer.preset=b158")),
              200);
    EXPECT_EQ(common(SPEC("name=a"), SPEC("name=b", "quantizer.preset=b158")), 999);
}

TEST(what_every_step_depends_on_leaves_nothing_in_common)
{
    static const char *const others[] = {"model.init_seed=7",
                                         "data.seed=7",
                                         "optimizer.weight_decay=0.2",
                                         "batch.instances=8",
                                         "model.layers=3",
                                         "guard.spike=SKIP_STEP",
                                         "model.operands=FP32",
                                         "launch.ranks=2",
                                         "schedule.peak_lr=2e-3",
                                         "optimizer.clip_norm=2",
                                         "launch.threads=3",
                                         "batch.micro_instances=2",
                                         "eval.instances=3",
                                         "schedule.warmup_start=0.5"};

    for (size_t i = 0; i < BIT_COUNT(others); i++)
        EXPECT_EQ(common(SPEC("name=a"), SPEC(others[i])), 0);
}

TEST(curves_are_common_up_to_where_they_part)
{
    EXPECT_EQ(common(SPEC("schedule.cosine_steps=1000"), SPEC("schedule.cosine_steps=2000")), 100);
    EXPECT_EQ(common(SPEC(WSD("100")), SPEC(WSD("300"))), 700);
    EXPECT_EQ(common(SPEC("schedule.stage={at_step: 500 peak_lr: 5e-4}"), SPEC("name=a")), 500);
    EXPECT_EQ(common(SPEC("schedule.stage={at_step: 500 weight_decay: 0}"), SPEC("name=a")), 500);
}

TEST(a_longer_run_goes_on_from_the_end_of_a_shorter_one)
{
    EXPECT_EQ(common(SPEC(CONSTANT("1000")), SPEC(CONSTANT("1500"))), 1000);
    EXPECT_EQ(common(SPEC(CONSTANT("1500")), SPEC(CONSTANT("1000"))), 999);
    EXPECT_EQ(common(SPEC("schedule.steps=0"), SPEC("schedule.steps=0", "name=b")), 0);
}

TEST(what_is_measured_beside_is_shared_where_it_is_the_same)
{
    EXPECT_EQ(common(SPEC("eval.at=[100, 300]"), SPEC("eval.at=[100, 300, 500]")), 500);
    EXPECT_EQ(common(SPEC("eval.every=10"), SPEC("eval.every=20")), 0);
    EXPECT_EQ(common(SPEC("checkpoint.every=10"), SPEC("checkpoint.every=20")), 999);
}

TEST(names_alone_make_no_other_branch)
{
    Bit__RunSpec *a = SPEC("name=a"), *b = SPEC("name=b"), *c = SPEC("name=c", "checkpoint.every=7");

    EXPECT(bit_sweep_plan_is_same(a, b));
    EXPECT(!bit_sweep_plan_is_same(a, c));
    bit_msg_free(a);
    bit_msg_free(b);
    bit_msg_free(c);
}

TEST(a_study_trains_its_trunk_once)
{
    Bit__RunSpec *spec[] = {SPEC("name=sixteen"),
                            SPEC("phases.switch.at_step=200"),
                            SPEC("phases.switch={at_step: 200 optimizer: RESET}"),
                            SPEC("phases.switch.at_step=400"),
                            SPEC("phases.switch={at_step: 400 optimizer: RESET}"),
                            SPEC("phases.switch.at_step=0"),
                            SPEC("phases.switch.at_step=0", "model.init_seed=9"),
                            SPEC("phases.switch.at_step=600", "model.init_seed=9")};
    struct bit_sweep_place place[BRANCHES];
    uint64_t alone;

    bit_sweep_plan_make((const Bit__RunSpec *const *)spec, BRANCHES, place);
    static const struct bit_sweep_place expected[BRANCHES] = {{0, 0},   {0, 200}, {0, 200}, {0, 400},
                                                              {0, 400}, {5, 0},   {6, 0},   {7, 0}};
    for (size_t i = 0; i < BRANCHES; i++) {
        EXPECT_EQ(place[i].parent, expected[i].parent);
        EXPECT_EQ(place[i].from_step, expected[i].from_step);
    }
    EXPECT_EQ(bit_sweep_plan_steps((const Bit__RunSpec *const *)spec, BRANCHES, place, &alone), 6800);
    EXPECT_EQ(alone, 8000);
    for (size_t i = 0; i < BRANCHES; i++)
        bit_msg_free(spec[i]);
}

/* The most steps that sharing can save: a maximum spanning tree (Prim) over the common steps of each pair. */
static uint64_t most_saved(Bit__RunSpec *const *spec, size_t count)
{
    uint64_t best[BRANCHES] = {0}, saved = 0;
    bool in[BRANCHES] = {true};

    for (size_t i = 1; i < count; i++)
        best[i] = bit_sweep_plan_common(spec[0], spec[i]);
    for (size_t n = 1; n < count; n++) {
        size_t next = 0;
        for (size_t i = 1; i < count; i++)
            if (!in[i] && (next == 0 || best[i] > best[next]))
                next = i;
        in[next] = true;
        saved += best[next];
        for (size_t i = 1; i < count; i++)
            if (!in[i])
                best[i] = BIT_MAX(best[i], bit_sweep_plan_common(spec[next], spec[i]));
    }
    return saved;
}

TEST(no_other_tree_saves_more)
{
    static const char *const at[] = {"phases.switch.at_step=200", "phases.switch.at_step=400", "phases.switch="};
    static const char *const how[] = {"phases.switch.optimizer=KEEP", "phases.switch.optimizer=RESET"};
    static const char *const decay[] = {"schedule.decay_steps=100", "schedule.decay_steps=700"};
    uint32_t seed = 12345;

    for (int round = 0; round < 50; round++) {
        Bit__RunSpec *spec[BRANCHES];
        struct bit_sweep_place place[BRANCHES];
        uint64_t alone;
        for (size_t i = 0; i < BRANCHES; i++) {
            char ramp[64];
            seed = seed * 1664525u + 1013904223u;
            const char *where = at[seed >> 28 & 1];
            snprintf(ramp, sizeof ramp, "phases.switch.ramp_steps=%u", (seed >> 20) % 3 * 10);
            spec[i] = (seed >> 16) % 5 == 0
                          ? SPEC("schedule.shape=WSD", decay[seed >> 24 & 1], at[2])
                          : SPEC("schedule.shape=WSD", decay[seed >> 24 & 1], where, how[seed >> 26 & 1], ramp);
        }
        bit_sweep_plan_make((const Bit__RunSpec *const *)spec, BRANCHES, place);
        const uint64_t steps = bit_sweep_plan_steps((const Bit__RunSpec *const *)spec, BRANCHES, place, &alone);
        EXPECT_EQ(alone - steps, most_saved(spec, BRANCHES));
        for (size_t i = 0; i < BRANCHES; i++)
            bit_msg_free(spec[i]);
    }
}

TEST(a_parent_is_asked_for_no_more_checkpoints_than_it_may_have)
{
    Bit__RunSpec *spec[5];
    struct bit_sweep_place place[5];

    for (size_t i = 0; i < BIT_COUNT(spec); i++) {
        char text[64];
        snprintf(text, sizeof text, "phases.switch.at_step=%zu", 900 - i);
        spec[i] = SPEC(text);
    }
    for (uint64_t step = 1001; spec[0]->checkpoint->n_at < BIT_AT_MAX - 2; step++)
        EXPECT_EQ(bit_sweep_plan_add_checkpoint(spec[0], step), 0);
    bit_sweep_plan_make((const Bit__RunSpec *const *)spec, BIT_COUNT(spec), place);
    /* Branch 0 has room for two checkpoints. Branch 3 can fork from no other and begins at step 1; 4 forks from 3. */
    const struct bit_sweep_place expected[BIT_COUNT(spec)] = {{0, 0}, {0, 899}, {0, 898}, {3, 0}, {3, 896}};
    for (size_t i = 0; i < BIT_COUNT(spec); i++) {
        EXPECT_EQ(place[i].parent, expected[i].parent);
        EXPECT_EQ(place[i].from_step, expected[i].from_step);
    }
    for (size_t i = 0; i < BIT_COUNT(spec); i++)
        bit_msg_free(spec[i]);
}

TEST(a_checkpoint_is_asked_for_once)
{
    Bit__RunSpec *spec = SPEC("checkpoint.at=[7, 9]");

    EXPECT_EQ(bit_sweep_plan_add_checkpoint(spec, 9), 0);
    EXPECT_EQ(bit_sweep_plan_add_checkpoint(spec, 8), 0);
    EXPECT_EQ(spec->checkpoint->n_at, 3);
    EXPECT_EQ(spec->checkpoint->at[2], 8);
    bit_msg_free(spec);
}

TEST_MAIN
