/* The rules between the fields of a specification. */
#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "proto/text/reflect.h"
#include "tests/unit/proto/spec/spec_problems.h"

TEST(a_spec_that_is_not_normalised_is_refused_not_followed)
{
    Bit__RunSpec *spec = test_spec_parse("");

    EXPECT_EQ(bit_spec_validate(spec, &test_problems), BIT_ESPEC);
    EXPECT(test_problems.count >= 10);
    bit_msg_free(spec);
}

TEST(schedules_that_cannot_be)
{
    expect_problem("schedule { decay_steps: 5 }", "schedule.decay_steps", 3, "WSD alone");
    expect_problem("schedule { shape: WSD steps: 100 warmup_steps: 40 decay_steps: 61 }", "schedule.decay_steps", 3,
                   "to step 100 begins in the warm-up of 40");
    expect_problem("schedule { stage { } }", "schedule.stage", 3, "changes nothing");
    expect_problem("schedule { stage { at_step: 10000 peak_lr: 1e-4 } }", "schedule.stage.at_step", 3,
                   "leaves no step of the second stage");
    expect_problem("schedule { stage { at_step: 1999 peak_lr: 1e-4 } }", "schedule.stage.at_step", 3,
                   "in the warm-up, which ends at step 2000");
    expect_problem("schedule { stage { peak_lr: 0 } }", "schedule.stage.peak_lr", 3, "not above 0");
    expect_problem("schedule { stage { weight_decay: 0 } } phases { switch { at_step: 9 weight_decay: 0.2 } }",
                   "schedule.stage.weight_decay", 3, "phases.switch.weight_decay has another one");
    expect_problem("phases { switch { at_step: 9 lr_factor: 0 } }", "phases.switch.lr_factor", 3, "not above 0");
    expect_problem("checkpoint { at: [5, 10001] }", "checkpoint.at[1]", 3, "there is no step 10001");
    expect_problem("eval { at: 5 }", "eval.at", 3, "no eval.set");
    expect_problem("eval { set { name: 'a' path: '/a' } at: 0 }", "eval.at[0]", 3, "there is no step 0");
    expect_valid("schedule { shape: WSD steps: 100 warmup_steps: 40 decay_steps: 60 }");
    expect_valid("schedule { shape: CONSTANT stage { weight_decay: 0 } } checkpoint { at: [2000, 4000] }");
}

TEST(rules_between_fields)
{
    expect_problem("batch {\n  instances: 100 }\nlaunch { ranks: 3 }", "batch.instances", 4,
                   "100 is not divisible by launch.ranks 3; 2 and 4 divide it");
    expect_problem("batch { instances: 96 micro_instances: 5 } launch { ranks: 4 }", "batch.micro_instances", 3,
                   "5 does not divide a rank's share, 96 / 4 = 24");
    expect_problem("schedule { steps: 100 }", "schedule.warmup_steps", 3,
                   "2000 is beyond the end of the cosine, step 100");
    expect_problem("phases { switch { at_step: 10000 } }", "phases.switch.at_step", 3, "leaves no ternary step");
    expect_problem("phases { switch { at_step: 9000 ramp_steps: 1001 } }", "phases.switch.ramp_steps", 3,
                   "does not end within the run's 10000");
    expect_problem("phases { switch { at_step: 1 lr: REWARM rewarm_steps: 0 } }", "phases.switch.rewarm_steps", 3,
                   "REWARM over 0 steps");
    expect_problem("batch { instances: 131072 }", "batch.instances", 3, "512 MiB a step; at most 256");
    expect_problem("eval { every: 5 }", "eval.every", 3, "no eval.set");
    expect_problem("eval { set { path: 'x' } }", "eval.set[0].name", 3, "not set");
    expect_problem("eval {\n set { name: 'x' path: 'x' }\n set { name: 'x' path: 'y' } }", "eval.set[1].name", 5,
                   "'x' is the name of another set");
    expect_problem("eval { set { name: 'x' } }", "eval.set[0].path", 3, "no token files");
    expect_problem("eval { set { name: 'x' path: 'y'\n path: '' } }", "eval.set[0].path[1]", 4, "empty path");
    expect_problem("guard { nan: WARN }", "guard.nan", 3, "SKIP_STEP, REWIND or STOP");
    expect_problem("guard {\n replica: SKIP_STEP }", "guard.replica", 4, "WARN, REWIND or STOP");
    expect_problem("guard { resume: REWIND }", "guard.resume", 3, "WARN (report the difference) or STOP");
    expect_problem("guard { straggler_ratio: 1 }", "guard.straggler_ratio", 3, "1 would report ranks that are as fast");
    expect_problem("guard { window: 15 }", "guard.window", 3, "15 is not at least 16");
    expect_valid("guard { straggler_ratio: 0 loss_sigmas: 0 norm_sigmas: 0 replica_every: 0 most: 0 }");
    expect_valid("batch { instances: 96 micro_instances: 6 } launch { ranks: 4 }");
    expect_valid("phases { switch { at_step: 9000 ramp_steps: 1000 } }");
    expect_valid("phases { switch { at_step: 9999 lr: REWARM } }");
    expect_valid("schedule { steps: 100 warmup_steps: 0 }");
    expect_valid("schedule { steps: 100 cosine_steps: 739328 }");
}

TEST(rules_of_the_model)
{
    static const struct {
        const char *fields, *field, *says;
    } cases[] = {
        {"heads: 7", "model.heads", "7 heads do not divide the width 256"},
        {"width: 200 heads: 8", "model.heads", "200 / 8 = 25, is odd"},
        {"heads: 256", "model.heads", "is odd"},
        {"width: 1024 heads: 2", "model.heads", "512, is above 256"},
        {"operands: FP32 residual: BF16", "model.residual", "BF16 goes with model.operands BF16 alone"},
        {"vocab_padded: 50279", "model.vocab_padded", "50279 rows are fewer than the vocabulary's 50280"},
        {"vocab: 1048577 vocab_padded: 1048576", "model.vocab", "1048577 is above 1048576"},
        {"mlp_hidden: 40000 } quantizer { data_gradient: INT8", "quantizer.data_gradient",
         "takes linears of 65536 outputs at most: model.mlp_hidden 40000 has twice as many"},
        {"width: 32768 heads: 128 mlp_hidden: 65536 } quantizer { weight_measure: MEDIAN", "quantizer.weight_measure",
         "MEDIAN takes matrices of 4294967295 weights at most, and up and gate of model.mlp_hidden 65536 and model.width "
         "32768 have 4294967296: MEAN, or quantizer.granularity: PROJECTION"},
        {"context: 1", "model.context", "1 is not at least 2"},
        {"layers: 513", "model.layers", "513 is above 512"},
        {"norm_eps: 0", "model.norm_eps", "0 is not above 0"},
    };
    char text[256];

    for (size_t i = 0; i < BIT_COUNT(cases); i++) {
        snprintf(text, sizeof text, "data { train: 'a' }\nmodel { preset: 'olmo_20m'\n%s }", cases[i].fields);
        Bit__RunSpec *spec = normalised(text);
        EXPECT_EQ(bit_spec_validate(spec, &test_problems), BIT_ESPEC);
        EXPECT_STREQ(test_problems.item[0].field, cases[i].field);
        EXPECT_CONTAINS(test_problems.item[0].text, cases[i].says);
        EXPECT_EQ(test_problems.item[0].line, 3);
        bit_msg_free(spec);
    }
}

TEST(a_new_name_is_none_that_an_id_may_have)
{
    static const struct {
        const char *name;
        bool taken;
    } names[] = {{"r7", false}, {"r007", false}, {"r", true}, {"r7b", true}, {"R7", true}, {"run-7", true}};

    test_problems = (struct bit_problems){0};
    for (size_t i = 0; i < BIT_COUNT(names); i++) {
        Bit__RunSpec spec = BIT__RUN_SPEC__INIT;
        spec.name = (char *)(uintptr_t)names[i].name;
        EXPECT_EQ(bit_spec_check_new_name(&spec, &test_problems) == 0, names[i].taken);
    }
    EXPECT_EQ(test_problems.count, 2);
}

TEST(a_spec_must_fit_its_messages)
{
    Bit__RunSpec *spec = test_spec_parse(SMALL);
    char *path = calloc(1, BIT_PATH_MAX);

    memset(path, 'x', BIT_PATH_MAX - 1);
    path[0] = '/';
    const ProtobufCFieldDescriptor *train = bit_field_find(&bit__data_spec__descriptor, "train", 5);
    for (int i = 0; i < 300; i++) {
        char *copy = strdup(path);
        EXPECT_EQ(bit_field_add(&spec->data->base, train, &copy), 0);
    }
    EXPECT_EQ(bit_spec_normalise(spec, "/", &test_problems), 0);
    EXPECT_EQ(bit_spec_validate(spec, &test_problems), BIT_ESPEC);
    EXPECT_EQ(test_problems.count, 1);
    EXPECT_CONTAINS(test_problems.item[0].text, "bytes when packed");
    bit_msg_free(spec);
    free(path);
}

TEST(all_problems_come_at_once_with_their_lines)
{
    Bit__RunSpec *spec = normalised("name: 'a b'\n"
                                    "model { preset: 'olmo_1b'\n"
                                    "        heads: 15 }\n"
                                    "data { train: 'a' train: '' }\n"
                                    "batch { instances: 100 }\n"
                                    "launch { ranks: 3 }\n"
                                    "phases { switch { at_step: 10 ramp_steps: 20000 } }\n");
    static const int line[] = {1, 3, 4, 5, 7};

    EXPECT_EQ(bit_spec_validate(spec, &test_problems), BIT_ESPEC);
    if (EXPECT_EQ(test_problems.count, BIT_COUNT(line)))
        for (size_t i = 0; i < BIT_COUNT(line); i++)
            EXPECT_EQ(test_problems.item[i].line, line[i]);
    bit_msg_free(spec);
}

TEST(every_example_run_is_valid)
{
    static const char *const runs[] = {"16bit",           "ternary",         "switch_2k_keep", "switch_2k_reset",
                                       "switch_4k_keep",  "switch_4k_reset", "switch_4k_ramp", "switch_6k_keep",
                                       "switch_6k_reset", "mixture"};
    const char *root = getenv("BIT_SOURCE_ROOT");
    char path[4096];

    if (root == NULL)
        SKIP("BIT_SOURCE_ROOT is not set; meson test sets it");
    for (size_t i = 0; i < BIT_COUNT(runs); i++) {
        Bit__RunSpec *spec = NULL;
        test_problems = (struct bit_problems){0};
        snprintf(path, sizeof path, "%s/deploy/runs/olmo_1b_%s.txtpb", root, runs[i]);
        if (!EXPECT_EQ(bit_spec_load(path, &spec, &test_problems), 0))
            continue;
        EXPECT_EQ(bit_spec_normalise(spec, "/data", &test_problems), 0);
        if (!EXPECT_EQ(bit_spec_validate(spec, &test_problems), 0))
            fprintf(stderr, "    %s: %s\n", path, test_problems.item[0].text);
        bit_msg_free(spec);
    }
}

TEST_MAIN
