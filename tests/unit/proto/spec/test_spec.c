#include "proto/spec/spec.h"

#include <fcntl.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/text/reflect.h"
#include "proto/wire/msg.h"
#include "tests/test.h"

/* Enough for a valid run. */
#define SMALL "model { preset: 'olmo_20m' }\ndata { train: 'a.npy' }\n"

static struct bit_problems problems;

static Bit__RunSpec *parse(const char *text)
{
    ProtobufCMessage *msg = NULL;

    problems = (struct bit_problems){0};
    EXPECT_EQ(bit_text_parse(&bit__run_spec__descriptor, text, strlen(text), &msg, &problems), 0);
    return (Bit__RunSpec *)msg;
}

static Bit__RunSpec *normalised(const char *text)
{
    Bit__RunSpec *spec = parse(text);

    EXPECT_EQ(bit_spec_normalise(spec, "/data", &problems), 0);
    return spec;
}

/* The text as it is printed: to see whether two specs are the same. The caller's to free. */
static char *print(const Bit__RunSpec *spec)
{
    char *text = NULL;

    EXPECT_EQ(bit_text_print(&spec->base, &text, NULL), 0);
    return text;
}

/* SMALL with these lines is refused, with exactly this problem. */
static void expect_problem(const char *lines, const char *field, int line, const char *says)
{
    char text[1024];

    snprintf(text, sizeof text, SMALL "%s", lines);
    Bit__RunSpec *spec = normalised(text);
    bool good = EXPECT_EQ(bit_spec_validate(spec, &problems), BIT_ESPEC) && EXPECT_EQ(problems.count, 1) &&
                EXPECT_STREQ(problems.item[0].field, field) && EXPECT_CONTAINS(problems.item[0].text, says) &&
                EXPECT_EQ(problems.item[0].line, line);
    for (int i = 0; i < bit_problems_kept(&problems) && !good; i++)
        fprintf(stderr, "    %s: %s: %s\n", lines, problems.item[i].field, problems.item[i].text);
    bit_msg_free(spec);
}

static void expect_valid(const char *lines)
{
    char text[1024];

    snprintf(text, sizeof text, SMALL "%s", lines);
    Bit__RunSpec *spec = normalised(text);
    if (!EXPECT_EQ(bit_spec_validate(spec, &problems), 0))
        fprintf(stderr, "    %s: %s: %s\n", lines, problems.item[0].field, problems.item[0].text);
    bit_msg_free(spec);
}

TEST(defaults_are_olmos)
{
    Bit__RunSpec *spec = normalised(SMALL);

    EXPECT_STREQ(spec->name, "run");
    EXPECT_EQ(spec->data->seed, 6198);
    EXPECT_EQ(spec->model->init_seed, 6198);
    EXPECT_EQ(spec->model->rope_theta, 10000);
    EXPECT_EQ(spec->model->norm_eps, 1e-5);
    EXPECT_EQ(spec->model->clip_qkv, 0);
    EXPECT_EQ(spec->model->operands, BIT__OPERANDS__BF16);
    EXPECT_EQ(spec->model->residual, BIT__OPERANDS__FP32);
    EXPECT_EQ(spec->batch->instances, 2048);
    EXPECT_EQ(spec->batch->micro_instances, 0);
    EXPECT_EQ(spec->schedule->steps, 10000);
    EXPECT_EQ(spec->schedule->warmup_steps, 2000);
    EXPECT_EQ(spec->schedule->warmup_start, 0.1);
    EXPECT_EQ(spec->schedule->final, 0.1);
    EXPECT_EQ(spec->schedule->cosine_steps, 10000);
    EXPECT(spec->phases->switch_ == NULL);
    EXPECT_EQ(spec->optimizer->beta1, 0.9);
    EXPECT_EQ(spec->optimizer->beta2, 0.95);
    EXPECT_EQ(spec->optimizer->eps, 1e-5);
    EXPECT_EQ(spec->optimizer->weight_decay, 0.1);
    EXPECT_EQ(spec->optimizer->clip_norm, 1.0);
    EXPECT(!spec->optimizer->decay_embeddings);
    EXPECT_EQ(spec->optimizer->moments, BIT__OPERANDS__FP32);
    EXPECT_EQ(spec->checkpoint->every, 1000);
    EXPECT_EQ(spec->checkpoint->keep_last, 2);
    EXPECT_EQ(spec->checkpoint->keep_every, 0);
    EXPECT_EQ(spec->eval->every, 0);
    EXPECT_EQ(spec->eval->instances, 32);
    EXPECT_EQ(spec->launch->backend, BIT__BACKEND__AUTO);
    EXPECT_EQ(spec->launch->ranks, 1);
    EXPECT_EQ(spec->launch->threads, 0);
    EXPECT_EQ(spec->launch->launcher, BIT__LAUNCHER__MPIRUN);
    EXPECT_EQ(spec->launch->max_restarts, 3);
    EXPECT_EQ(spec->guard->nan, BIT__GUARD_ACTION__SKIP_STEP);
    EXPECT_EQ(spec->guard->spike, BIT__GUARD_ACTION__WARN);
    EXPECT_EQ(spec->guard->loss_sigmas, 6);
    EXPECT_EQ(spec->guard->window, 128);
    EXPECT_EQ(spec->guard->replica_every, 100);
    EXPECT_EQ(spec->guard->resume, BIT__GUARD_ACTION__WARN);
    EXPECT_EQ(bit_spec_validate(spec, &problems), 0);
    bit_msg_free(spec);
}

TEST(defaults_that_follow_from_other_fields)
{
    Bit__RunSpec *spec = normalised(
        "model { layers: 2 width: 64 heads: 4 vocab: 1000 } schedule { steps: 3000 peak_lr: 1 }"
        "data { train: 'a' } optimizer { weight_decay: 0.3 beta2: 0.9 }"
        "eval { set { name: 'x' path: 'y' } } phases { switch { at_step: 1 ramp: SIGMOID } }");
    const Bit__SwitchSpec *sw = spec->phases->switch_;

    EXPECT_EQ(spec->model->mlp_hidden, 256);
    EXPECT_EQ(spec->model->vocab_padded, 1024);
    EXPECT_EQ(spec->schedule->cosine_steps, 3000);
    EXPECT_EQ(spec->eval->every, 1000);
    EXPECT_EQ(sw->optimizer, BIT__OPTIMIZER_AT_SWITCH__KEEP);
    EXPECT_EQ(sw->lr, BIT__LR_AT_SWITCH__CONTINUE);
    EXPECT_EQ(sw->rewarm_steps, 2000);
    EXPECT_EQ(sw->ramp_steps, 0);
    EXPECT_EQ(sw->ramp_k, 15);
    EXPECT_EQ(sw->weight_decay, 0.3);
    EXPECT_EQ(sw->beta1, 0.9);
    EXPECT_EQ(sw->beta2, 0.9);
    EXPECT_EQ(bit_spec_validate(spec, &problems), 0);
    bit_msg_free(spec);
}

TEST(relative_paths_become_absolute)
{
    Bit__RunSpec *spec = parse("model { init_from: './w' } data { train: ['a/b.npy', '/c.npy', '../d.npy'] }"
                               "eval { set { path: 'e.npy' } }");

    EXPECT_EQ(bit_spec_normalise(spec, NULL, &problems), 0);
    EXPECT_STREQ(spec->data->train[0], "a/b.npy");
    EXPECT_EQ(bit_spec_normalise(spec, "/data/", &problems), 0);
    EXPECT_STREQ(spec->model->init_from, "/data/w");
    EXPECT_STREQ(spec->data->train[0], "/data/a/b.npy");
    EXPECT_STREQ(spec->data->train[1], "/c.npy");
    EXPECT_STREQ(spec->data->train[2], "/data/../d.npy");
    EXPECT_STREQ(spec->eval->set[0]->path[0], "/data/e.npy");
    bit_msg_free(spec);
}

TEST(normalising_twice_changes_nothing)
{
    Bit__RunSpec *spec = normalised(SMALL "phases { switch { at_step: 9 } } eval { set { name: 'x' path: 'y' } }");
    char *once = print(spec);

    EXPECT_EQ(bit_spec_normalise(spec, "/elsewhere", &problems), 0);
    char *twice = print(spec);
    EXPECT_STREQ(once, twice);
    free(once);
    free(twice);
    bit_msg_free(spec);
}

TEST(a_spec_that_is_not_normalised_is_refused_not_followed)
{
    Bit__RunSpec *spec = parse("");

    EXPECT_EQ(bit_spec_validate(spec, &problems), BIT_ESPEC);
    EXPECT(problems.count >= 10);
    bit_msg_free(spec);
}

TEST(what_has_no_default_is_asked_for)
{
    static const char *const fields[] = {"model.layers", "model.width",      "model.heads",          "model.mlp_hidden",
                                         "data.train",   "schedule.peak_lr", "phases.switch.at_step"};
    Bit__RunSpec *spec = normalised("phases { switch { } }");

    EXPECT_EQ(bit_spec_validate(spec, &problems), BIT_ESPEC);
    EXPECT_EQ(problems.count, BIT_COUNT(fields));
    for (size_t i = 0; i < BIT_COUNT(fields); i++) {
        bool found = false;
        for (int k = 0; k < bit_problems_kept(&problems); k++)
            found = found || strcmp(problems.item[k].field, fields[i]) == 0;
        if (!EXPECT(found))
            fprintf(stderr, "    %s\n", fields[i]);
    }
    bit_msg_free(spec);
}

TEST(ranges)
{
    expect_problem("batch { instances: 0 }", "batch.instances", 3, "0 is not at least 1");
    expect_problem("schedule {\n peak_lr: 0 }", "schedule.peak_lr", 4, "0 is not above 0");
    expect_problem("schedule { peak_lr: -1e-4 }", "schedule.peak_lr", 3, "-0.0001 is not above 0");
    expect_problem("schedule { final: 1.5 }", "schedule.final", 3, "1.5 is above 1");
    expect_problem("optimizer { beta2: 1 }", "optimizer.beta2", 3, "1 is not below 1");
    expect_problem("optimizer { clip_norm: -1 }", "optimizer.clip_norm", 3, "-1 is not at least 0");
    expect_problem("quantizer { activation_levels: 126 }", "quantizer.activation_levels", 3, "not at least 127");
    expect_problem("quantizer { weight_measure: ABSMAX }", "quantizer.weight_measure", 3, "MEAN or MEDIAN");
    expect_problem("checkpoint { keep_last: 0 }", "checkpoint.keep_last", 3, "not at least 1");
    expect_problem("launch { ranks: 0 }", "launch.ranks", 3, "0 is not at least 1");
    expect_problem("launch { ranks: 8 shard_ranks: 3 }", "launch.shard_ranks", 3,
                   "3 does not divide launch.ranks 8: give a number that does, or 0 for all of them");
    expect_problem("launch { ranks: 4 shard_ranks: 8 }", "launch.shard_ranks", 3, "8 does not divide launch.ranks 4");
    expect_problem("launch { memory_gib: -1 }", "launch.memory_gib", 3, "-1 is not at least 0");
    expect_problem("name: ''", "name", 3, "empty");
    expect_problem("name: 'a b'", "name", 3, "letters, digits");
    expect_problem("name: '../a'", "name", 3, "letters, digits");
    expect_problem("name: '.a'", "name", 3, "may not begin with '.'");
    expect_problem("name: 'x234567890123456789012345678901234567890123456789012345678901234y'", "name", 3,
                   "65 characters are more than 64");
}

TEST(a_new_name_is_none_that_an_id_may_have)
{
    static const struct {
        const char *name;
        bool taken;
    } names[] = {{"r7", false}, {"r007", false}, {"r", true}, {"r7b", true}, {"R7", true}, {"run-7", true}};

    problems = (struct bit_problems){0};
    for (size_t i = 0; i < BIT_COUNT(names); i++) {
        Bit__RunSpec spec = BIT__RUN_SPEC__INIT;
        spec.name = (char *)(uintptr_t)names[i].name;
        EXPECT_EQ(bit_spec_check_new_name(&spec, &problems) == 0, names[i].taken);
    }
    EXPECT_EQ(problems.count, 2);
}

TEST(a_number_that_is_none_is_refused)
{
    Bit__RunSpec *spec = normalised(SMALL);

    spec->schedule->peak_lr = NAN;
    spec->optimizer->eps = INFINITY;
    EXPECT_EQ(bit_spec_validate(spec, &problems), BIT_ESPEC);
    EXPECT_EQ(problems.count, 2);
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

/* A run of 0 steps evaluates its model.init_from. Fields that only training needs may be missing. */
TEST(a_run_without_steps)
{
    static const struct {
        const char *text, *field, *says;
    } wrong[] = {
        {"model { preset: 'olmo_20m' } data { train: '/a' } schedule { steps: 0 }", "schedule.steps",
         "no model.init_from to be evaluated"},
        {"model { preset: 'olmo_20m' init_from: '/c' } schedule { steps: 0 }", "eval.task",
         "neither an eval.task nor an eval.set"},
        {"model { preset: 'olmo_20m' init_from: '/c' } data { train: '/a' } schedule { steps: 0 } eval { task { path: '/t' } }",
         "data.train", "leave it out"},
        {"model { preset: 'olmo_20m' init_from: '/c' } schedule { steps: 0 } eval { task { path: '/t' } } phases { switch { at_step: 0 } }",
         "phases.switch", "eval.precision"},
        {"model { preset: 'olmo_20m' } data { train: '/a' } eval { set { name: 'x' path: '/x' } damage: true }",
         "eval.damage", "for schedule.steps 0"},
        {"model { preset: 'olmo_20m' init_from: '/c' } schedule { steps: 0 } eval { task { path: '/t' } damage: true }",
         "eval.damage", "there is no eval.set"},
        {"model { preset: 'olmo_20m' } data { train: '/a' } eval { precision: TERNARY }", "eval.precision",
         "for schedule.steps 0"},
    };
    Bit__RunSpec *spec = normalised("model { layers: 2 width: 64 heads: 2 init_from: './c' } schedule { steps: 0 } "
                                    "eval { task { path: '/t' } set { name: 'x' path: '/x' } precision: TERNARY }");

    EXPECT_EQ(bit_spec_validate(spec, &problems), 0);
    EXPECT(bit_spec_evaluates_only(spec));
    EXPECT_STREQ(spec->model->init_from, "/data/c");
    bit_msg_free(spec);
    for (size_t i = 0; i < BIT_COUNT(wrong); i++) {
        spec = normalised(wrong[i].text);
        if (EXPECT_EQ(bit_spec_validate(spec, &problems), BIT_ESPEC) && EXPECT_EQ(problems.count, 1)) {
            EXPECT_STREQ(problems.item[0].field, wrong[i].field);
            EXPECT_CONTAINS(problems.item[0].text, wrong[i].says);
        }
        bit_msg_free(spec);
    }
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
        EXPECT_EQ(bit_spec_validate(spec, &problems), BIT_ESPEC);
        EXPECT_STREQ(problems.item[0].field, cases[i].field);
        EXPECT_CONTAINS(problems.item[0].text, cases[i].says);
        EXPECT_EQ(problems.item[0].line, 3);
        bit_msg_free(spec);
    }
}

TEST(a_spec_must_fit_its_messages)
{
    Bit__RunSpec *spec = parse(SMALL);
    char *path = calloc(1, BIT_PATH_MAX);

    memset(path, 'x', BIT_PATH_MAX - 1);
    path[0] = '/';
    const ProtobufCFieldDescriptor *train = bit_field_find(&bit__data_spec__descriptor, "train", 5);
    for (int i = 0; i < 300; i++) {
        char *copy = strdup(path);
        EXPECT_EQ(bit_field_add(&spec->data->base, train, &copy), 0);
    }
    EXPECT_EQ(bit_spec_normalise(spec, "/", &problems), 0);
    EXPECT_EQ(bit_spec_validate(spec, &problems), BIT_ESPEC);
    EXPECT_EQ(problems.count, 1);
    EXPECT_CONTAINS(problems.item[0].text, "bytes when packed");
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

    EXPECT_EQ(bit_spec_validate(spec, &problems), BIT_ESPEC);
    if (EXPECT_EQ(problems.count, BIT_COUNT(line)))
        for (size_t i = 0; i < BIT_COUNT(line); i++)
            EXPECT_EQ(problems.item[i].line, line[i]);
    bit_msg_free(spec);
}

/* ---- bit_spec_set */

static int set(Bit__RunSpec *spec, const char *assignment)
{
    problems.count = 0;
    return bit_spec_set(spec, assignment, &problems);
}

TEST(set_replaces_makes_and_appends)
{
    Bit__RunSpec *spec = parse(SMALL);

    EXPECT_EQ(set(spec, "schedule.peak_lr=3e-4"), 0);
    EXPECT_EQ(spec->schedule->peak_lr, 3e-4);
    EXPECT_EQ(set(spec, "schedule.peak_lr=1e-4"), 0);
    EXPECT_EQ(spec->schedule->peak_lr, 1e-4);
    EXPECT_EQ(set(spec, "phases.switch.optimizer=reset"), 0);
    EXPECT_EQ(spec->phases->switch_->optimizer, BIT__OPTIMIZER_AT_SWITCH__RESET);
    EXPECT_EQ(set(spec, "model.tied=true"), 0);
    EXPECT(spec->model->has_tied && spec->model->tied);
    EXPECT_EQ(set(spec, "name=a b=c"), 0);
    EXPECT_STREQ(spec->name, "a b=c");
    EXPECT_EQ(set(spec, "name='q\\x41'"), 0);
    EXPECT_STREQ(spec->name, "qA");
    EXPECT_EQ(set(spec, "data.train+=b.npy"), 0);
    EXPECT_EQ(spec->data->n_train, 2);
    EXPECT_STREQ(spec->data->train[1], "b.npy");
    EXPECT_EQ(set(spec, "data.train+=['c', \"d\"]"), 0);
    EXPECT_EQ(spec->data->n_train, 4);
    EXPECT_EQ(set(spec, "data.train=e.npy"), 0);
    EXPECT_EQ(spec->data->n_train, 1);
    EXPECT_EQ(set(spec, "eval.set+={ name: 'x' path: 'y' }"), 0);
    EXPECT_EQ(set(spec, "eval.set+={ name: 'z' path: 'y' }"), 0);
    EXPECT_STREQ(spec->eval->set[1]->name, "z");
    EXPECT_EQ(set(spec, "launch={ ranks: 2 }"), 0);
    EXPECT_EQ(spec->launch->ranks, 2);
    EXPECT_EQ(set(spec, "phases.switch="), 0);
    EXPECT(spec->phases->switch_ == NULL);
    EXPECT_EQ(set(spec, "name="), 0);
    EXPECT(spec->name == NULL);
    bit_msg_free(spec);
}

TEST(set_appends_to_lists_that_protobuf_c_made)
{
    Bit__RunSpec *spec = parse("data { train: ['a', 'b', 'c'] }");
    Bit__RunSpec *copy = bit_msg_clone(spec);

    bit_msg_free(spec);
    for (int i = 0; i < 10; i++)
        EXPECT_EQ(set(copy, "data.train+=more"), 0);
    EXPECT_EQ(copy->data->n_train, 13);
    EXPECT_STREQ(copy->data->train[2], "c");
    EXPECT_STREQ(copy->data->train[12], "more");
    bit_msg_free(copy);
}

TEST(a_refused_assignment_changes_nothing)
{
    static const struct {
        const char *assignment, *field, *says;
    } cases[] = {
        {"steps", "", "'steps' is not key=value"},
        {"=3", "", "is not key=value"},
        {"schedule.stepz=3", "schedule.stepz", "did you mean steps?"},
        {"steps=3", "steps", "did you mean schedule.steps?"},
        {"shedule.steps=3", "shedule.steps", "did you mean schedule?"},
        {"schedule.steps=ten", "schedule.steps", "expected a whole number, found 'ten'"},
        {"schedule.steps=3 4", "schedule.steps", "expected nothing more, found '4'"},
        {"schedule.steps+=3", "schedule.steps", "not a list"},
        {"data.train+=", "data.train", "nothing to append"},
        {"schedule.lr=3", "schedule.lr", "did you mean peak_lr?"},
        {"switch.steps=3", "switch.steps", "did you mean phases.switch?"},
        {"phases.switch.steps=3", "phases.switch.steps", "did you mean schedule.steps?"}, /* it has two of them */
        {"schedule.steps.x=3", "schedule.steps.x", "steps is one value, and has no fields"},
        {"eval.set.path=x", "eval.set.path",
         "set is a list, one of which is added whole: eval.set+={name: \"...\" path: \"...\"}"},
        {"data.source.weight=2", "data.source.weight",
         "source is a list, one of which is added whole: data.source+={name: \"...\" path: \"...\"}"},
        {"schedule={ steps: 3 stepz: 4 }", "schedule", "no field 'stepz'"},
        {"phases.switch.optimizer=resett", "phases.switch.optimizer", "did you mean RESET?"},
        {"optimizer.moments=FP16", "optimizer.moments", "expected one of BF16, FP32"},
        {"launch.backend=GPU", "launch.backend", "did you mean CUDA?"},
        {"launch.launcher=slurm", "launch.launcher", "did you mean SRUN?"},
        {"data.train=['a', 3]", "data.train", "expected a string"},
        {"name=\xff", "name", "not UTF-8"},
        {".=", ".", "no field ''"},
    };
    Bit__RunSpec *spec = parse(SMALL);
    char *before = print(spec);

    for (size_t i = 0; i < BIT_COUNT(cases); i++) {
        bool good = EXPECT_EQ(set(spec, cases[i].assignment), BIT_ESPEC) && EXPECT_EQ(problems.count, 1) &&
                    EXPECT_STREQ(problems.item[0].field, cases[i].field) &&
                    EXPECT_CONTAINS(problems.item[0].text, cases[i].says) && EXPECT_EQ(problems.item[0].line, 0);
        char *after = print(spec);
        if (!EXPECT_STREQ(before, after) || !good)
            fprintf(stderr, "    %s\n", cases[i].assignment);
        free(after);
    }
    free(before);
    bit_msg_free(spec);
}

TEST(a_field_set_from_elsewhere_has_no_line)
{
    Bit__RunSpec *spec = parse(SMALL "batch { instances: 96 }");

    EXPECT_EQ(set(spec, "batch.instances=97"), 0);
    EXPECT_EQ(set(spec, "launch.ranks=2"), 0);
    EXPECT_EQ(bit_spec_normalise(spec, "/", &problems), 0);
    EXPECT_EQ(bit_spec_validate(spec, &problems), BIT_ESPEC);
    EXPECT_STREQ(problems.item[0].text, "97 is not divisible by launch.ranks 2; 1 divides it");
    EXPECT_EQ(problems.item[0].line, 0);
    bit_msg_free(spec);
}

/* ---- bit_spec_load */

/* A file of these bytes; its name ends in `suffix`. */
static const char *file_with(const char *suffix, const void *bytes, size_t len)
{
    static char path[64];

    snprintf(path, sizeof path, "%s/run%s", test_folder(), suffix);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    EXPECT(fd >= 0 && write(fd, bytes, len) == (ssize_t)len && close(fd) == 0);
    return path;
}

static int load(const char *suffix, const void *bytes, size_t len, Bit__RunSpec **out)
{
    const char *path = file_with(suffix, bytes, len);

    problems = (struct bit_problems){0};
    int err = bit_spec_load(path, out, &problems);
    unlink(path);
    return err;
}

TEST(load_tells_text_from_binary)
{
    Bit__RunSpec *spec = parse(SMALL), *loaded = NULL;
    uint8_t packed[128];
    size_t len = protobuf_c_message_pack(&spec->base, packed);

    EXPECT_EQ(load(".pb", packed, len, &loaded), 0);
    EXPECT_STREQ(loaded->model->preset, "olmo_20m");
    bit_msg_free(loaded);
    EXPECT_EQ(load(".pb", SMALL, strlen(SMALL), &loaded), 0);
    EXPECT_STREQ(loaded->model->preset, "olmo_20m");
    bit_msg_free(loaded);
    EXPECT_EQ(load(".txtpb", SMALL, strlen(SMALL), &loaded), 0);
    bit_msg_free(loaded);
    EXPECT_EQ(load(".txtpb", packed, len, &loaded), BIT_ESPEC);
    EXPECT(problems.count > 0);
    EXPECT_EQ(load(".pb", "", 0, &loaded), 0);
    bit_msg_free(loaded);
    bit_msg_free(spec);
}

TEST(load_finds_mistakes_of_every_kind_at_once)
{
    static const char text[] = "modle { }\n"
                               "model { preset: 'olmo_1c' heads: 15 width: 100 }\n"
                               "data { train: 'a' seed: x }\n"
                               "batch { instances: 100 }\n"
                               "launch { ranks: 3 }\n"
                               "schedule { steps: many final: 2 }\n";

    static const struct {
        int line;
        const char *field, *says;
    } want[] = {
        {1, "", "did you mean model?"},
        {2, "model.preset", "did you mean olmo_1b?"},
        {2, "model.heads", "15 heads do not divide the width 100"},
        {3, "data.seed", "expected a whole number"},
        {4, "batch.instances", "100 is not divisible by launch.ranks 3; 2 and 4 divide it"},
        {6, "schedule.steps", "expected a whole number"},
        {6, "schedule.final", "2 is above 1"},
    };
    Bit__RunSpec *loaded = NULL;

    EXPECT_EQ(load(".txtpb", text, sizeof text - 1, &loaded), BIT_ESPEC);
    EXPECT(loaded == NULL);
    if (!EXPECT_EQ(problems.count, BIT_COUNT(want)))
        return;
    for (size_t i = 0; i < BIT_COUNT(want); i++) {
        EXPECT_EQ(problems.item[i].line, want[i].line);
        EXPECT_STREQ(problems.item[i].field, want[i].field);
        EXPECT_CONTAINS(problems.item[i].text, want[i].says);
    }
}

TEST(load_knows_other_formats)
{
    static const struct {
        const char *text, *is;
        int line, column;
    } cases[] = {
        {"{\n \"model\": {\"preset\": \"olmo_1b\"}\n}\n", "JSON", 1, 1},
        {"# a run\nmodel:\n  preset: olmo_1b\nschedule:\n  steps: 100\n", "YAML", 2, 1},
        {"---\nname: a\n", "YAML", 1, 1},
        {"data:\n  train:\n  - a.npy\n", "YAML", 1, 1},
        {"name = \"a\"\n[model]\npreset = \"olmo_1b\"\n", "TOML", 2, 1},
    };
    Bit__RunSpec *loaded = NULL;

    for (size_t i = 0; i < BIT_COUNT(cases); i++) {
        EXPECT_EQ(load(".txtpb", cases[i].text, strlen(cases[i].text), &loaded), BIT_ESPEC);
        bool good = EXPECT_EQ(problems.count, 1) && EXPECT_CONTAINS(problems.item[0].text, cases[i].is) &&
                    EXPECT_CONTAINS(problems.item[0].text, "model { preset: \"olmo_1b\" }") &&
                    EXPECT_EQ(problems.item[0].line, cases[i].line) &&
                    EXPECT_EQ(problems.item[0].column, cases[i].column);
        if (!good)
            fprintf(stderr, "    %s\n", cases[i].text);
    }
    static const char ours[] = "data { train: [\n  'a'\n] }\nmodel:\n  { preset: 'olmo_20m' layers: x }\n";
    EXPECT_EQ(load(".txtpb", ours, sizeof ours - 1, &loaded), BIT_ESPEC);
    EXPECT_CONTAINS(problems.item[0].text, "expected a whole number");
}

/* The message says that the value is the default, so that nobody looks for it in the file. */
TEST(a_default_that_breaks_a_rule_is_called_the_default)
{
    expect_problem("schedule { steps: 100 }", "schedule.warmup_steps", 3,
                   "2000 is beyond the end of the cosine, step 100 (2000 is the default)");
    expect_problem("schedule { steps: 100 warmup_steps: 101 }", "schedule.warmup_steps", 3,
                   "101 is beyond the end of the cosine, step 100");
    EXPECT(strstr(problems.item[0].text, "default") == NULL);
    expect_problem("launch { ranks: 3 }", "batch.instances", 0,
                   "launch.ranks 3; 2 and 4 divide it (2048 is the default)");
    Bit__RunSpec *spec = parse("model { preset: 'olmo_20m' width: 30 } data { train: 'a' }");
    EXPECT_EQ(bit_spec_normalise(spec, "/", &problems), 0);
    EXPECT_EQ(bit_spec_validate(spec, &problems), BIT_ESPEC);
    EXPECT_STREQ(problems.item[0].field, "model.heads");
    EXPECT_CONTAINS(problems.item[0].text, "is model.preset's)");
    bit_msg_free(spec);
    spec = parse(SMALL "schedule { steps: 100 }");
    EXPECT_EQ(bit_spec_set(spec, "schedule.warmup_steps=500", &problems), 0);
    EXPECT_EQ(bit_spec_normalise(spec, "/", &problems), 0);
    EXPECT_EQ(bit_spec_validate(spec, &problems), BIT_ESPEC);
    EXPECT_STREQ(problems.item[0].text, "500 is beyond the end of the cosine, step 100");
    bit_msg_free(spec);
}

TEST(load_refuses_bytes_that_are_nothing)
{
    static const uint8_t garbage[] = {0xff, 0x00, 0x13, 0x37};
    Bit__RunSpec *loaded = NULL;

    EXPECT_EQ(load(".pb", garbage, sizeof garbage, &loaded), BIT_ESPEC);
    EXPECT_EQ(problems.count, 1);
    EXPECT_CONTAINS(problems.item[0].text, "not text, and not a binary RunSpec either");
    EXPECT(loaded == NULL);
}

TEST(load_refuses_what_is_too_long)
{
    Bit__RunSpec *loaded = NULL;
    char *spaces = malloc(BIT_SPEC_BYTES_MAX + 1);

    memset(spaces, ' ', BIT_SPEC_BYTES_MAX + 1);
    EXPECT_EQ(load("", spaces, BIT_SPEC_BYTES_MAX + 1, &loaded), BIT_ESPEC);
    EXPECT_CONTAINS(problems.item[0].text, "longer than the 1048576 bytes");
    EXPECT_EQ(load("", spaces, BIT_SPEC_BYTES_MAX, &loaded), 0);
    bit_msg_free(loaded);
    free(spaces);
}

TEST(load_says_what_the_file_system_says)
{
    Bit__RunSpec *loaded = NULL;

    problems = (struct bit_problems){0};
    EXPECT_EQ(bit_spec_load("/nonexistent/run.txtpb", &loaded, &problems), -ENOENT);
    EXPECT_CONTAINS(bit_fail_text(), "/nonexistent/run.txtpb");
    EXPECT_EQ(bit_spec_load("/tmp", &loaded, &problems), -EISDIR);
    EXPECT_EQ(problems.count, 0);
}

TEST(load_reads_pipes)
{
    Bit__RunSpec *loaded = NULL;
    char path[32];
    int fd[2];

    EXPECT_EQ(pipe(fd), 0);
    EXPECT_EQ(write(fd[1], SMALL, strlen(SMALL)), (ssize_t)strlen(SMALL));
    close(fd[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", fd[0]);
    problems = (struct bit_problems){0};
    EXPECT_EQ(bit_spec_load(path, &loaded, &problems), 0);
    EXPECT(loaded != NULL && loaded->data->n_train == 1);
    bit_msg_free(loaded);
    close(fd[0]);
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
        problems = (struct bit_problems){0};
        snprintf(path, sizeof path, "%s/deploy/runs/olmo_1b_%s.txtpb", root, runs[i]);
        if (!EXPECT_EQ(bit_spec_load(path, &spec, &problems), 0))
            continue;
        EXPECT_EQ(bit_spec_normalise(spec, "/data", &problems), 0);
        if (!EXPECT_EQ(bit_spec_validate(spec, &problems), 0))
            fprintf(stderr, "    %s: %s\n", path, problems.item[0].text);
        bit_msg_free(spec);
    }
}

/* data.source instead of data.train: problems of a text that is a whole spec but for its data. */
static void expect_source_problem(const char *data, const char *field, const char *says)
{
    char text[1024];

    snprintf(text, sizeof text, "model { preset: 'olmo_20m' }\ndata { %s }\n", data);
    Bit__RunSpec *spec = normalised(text);
    if (EXPECT_EQ(bit_spec_validate(spec, &problems), BIT_ESPEC) && EXPECT_EQ(problems.count, 1)) {
        EXPECT_STREQ(problems.item[0].field, field);
        EXPECT_CONTAINS(problems.item[0].text, says);
    }
    bit_msg_free(spec);
}

TEST(mixtures)
{
    Bit__RunSpec *spec = normalised("model { preset: 'olmo_20m' }\n"
                                    "data { source { name: 'web' path: 'w.npy' path: './x.npy' weight: 0.7 }\n"
                                    "       source { name: 'books' path: '/b.npy' weight: 0.3 } }\n");

    EXPECT_EQ(bit_spec_validate(spec, &problems), 0);
    EXPECT_STREQ(spec->data->source[0]->path[0], "/data/w.npy");
    EXPECT_STREQ(spec->data->source[0]->path[1], "/data/x.npy");
    EXPECT_STREQ(spec->data->source[1]->path[0], "/b.npy");
    bit_msg_free(spec);
    spec = normalised("model { preset: 'olmo_20m' }\ndata { source { name: 'all' path: 'w.npy' } }\n");
    EXPECT_EQ(bit_spec_validate(spec, &problems), 0); /* alone it needs no weight */
    bit_msg_free(spec);
    expect_source_problem("", "data.train", "no token files");
    expect_source_problem("train: 'a' source { name: 'a' path: 'b' }", "data.train", "not together with data.source");
    expect_source_problem("source { name: 'a' path: 'b' weight: 1 } source { name: 'b' path: 'b' }",
                          "data.source[1].weight", "its share");
    expect_source_problem("source { name: 'a' path: 'b' weight: 1 } source { name: 'a' path: 'b' weight: 1 }",
                          "data.source[1].name", "another source");
    expect_source_problem("source { name: 'a' path: 'b' weight: 0 }", "data.source[0].weight", "not from");
    expect_source_problem("source { name: 'a' weight: 1 }", "data.source[0].path", "no token files");
    expect_source_problem("source { path: 'a' }", "data.source[0].name", "not set");
}

#define SRUN "launch { ranks: 4 launcher: SRUN slurm { "

TEST(slurm_has_defaults_where_it_is_the_launcher)
{
    Bit__RunSpec *spec = normalised(SMALL "launch { ranks: 8 launcher: SBATCH }");

    EXPECT_EQ(bit_spec_validate(spec, &problems), 0);
    EXPECT_EQ(spec->launch->slurm->min_ranks, 8u);
    EXPECT_EQ(spec->launch->slurm->nodes, 0u);
    EXPECT_EQ(spec->launch->slurm->warn_s, 600u);
    EXPECT(spec->launch->slurm->gres == NULL);
    bit_msg_free(spec);
    spec = normalised(SMALL);
    EXPECT(spec->launch->slurm == NULL);
    bit_msg_free(spec);
    expect_problem("launch {\nslurm { nodes: 2 } }", "launch.slurm", 4, "MPIRUN");
}

TEST(slurm_words_are_words)
{
    expect_valid(SRUN "srun_arg: '--cpu-freq=high' env: 'NCCL_SOCKET_IFNAME==eth0' } }");
    expect_problem(SRUN "sbatch_arg: '--comment=a\\nb' } }", "launch.slurm.sbatch_arg[0]", 3, "control");
    expect_problem(SRUN "env: 'PATH' } }", "launch.slurm.env[0]", 3, "NAME=VALUE");
    expect_problem(SRUN "env: 'BITD_RUN=r9' } }", "launch.slurm.env[0]", 3, "bitd's own");
    expect_problem(SRUN "partition: '' } }", "launch.slurm.partition", 3, "empty");
}

TEST(slurm_numbers_agree)
{
    expect_valid(SRUN "gres: 'gpu:4' nodes: 2 } }");
    expect_problem(SRUN "gres: 'gpu:2' nodes: 1 } }", "launch.slurm.nodes", 3, "1 nodes hold 2 ranks");
    expect_problem("launch { ranks: 0 launcher: SRUN }", "launch.ranks", 3, "0 is not at least 1");
    expect_problem("launch { ranks: 65537 launcher: SRUN }", "launch.ranks", 3, "65537 is above 65536");
    expect_valid(SRUN "gres: 'mps:100,gpu:h100:4' } }");
    expect_problem(SRUN "gres: '8' } }", "launch.slurm.gres", 3, "'8' names no resource");
    expect_problem(SRUN "gres: 'gpu:4,8' } }", "launch.slurm.gres", 3, "'8' names no resource");
    expect_problem(SRUN "gres: 'gpu:0' } backend: CUDA }", "launch.slurm.gres", 3, "asks for no GPU");
    expect_valid(SRUN "gres: 'gpu:0' } backend: CPU }");
    expect_problem(SRUN "gres: 'gpu:2' ranks_per_node: 4 } }", "launch.slurm.ranks_per_node", 3, "2 GPUs");
    expect_problem(SRUN "min_ranks: 5 } }", "launch.slurm.min_ranks", 3, "launch.ranks 4");
    expect_valid(SRUN "time_limit: '90' } }");
    expect_valid(SRUN "time_limit: '2-12:30:00' } }");
    expect_problem(SRUN "time_limit: '2 days' } }", "launch.slurm.time_limit", 3, "minutes");
    expect_problem(SRUN "time_limit: '1:2-3' } }", "launch.slurm.time_limit", 3, "minutes");
}

TEST_MAIN
