/* The defaults that a specification gets, and its paths. */
#include "proto/spec/spec.h"
#include "tests/unit/proto/spec/spec_problems.h"

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
    EXPECT_EQ(bit_spec_validate(spec, &test_problems), 0);
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
    EXPECT_EQ(bit_spec_validate(spec, &test_problems), 0);
    bit_msg_free(spec);
}

TEST(relative_paths_become_absolute)
{
    Bit__RunSpec *spec = test_spec_parse("model { init_from: './w' } data { train: ['a/b.npy', '/c.npy', '../d.npy'] }"
                                         "eval { set { path: 'e.npy' } }");

    EXPECT_EQ(bit_spec_normalise(spec, NULL, &test_problems), 0);
    EXPECT_STREQ(spec->data->train[0], "a/b.npy");
    EXPECT_EQ(bit_spec_normalise(spec, "/data/", &test_problems), 0);
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

    EXPECT_EQ(bit_spec_normalise(spec, "/elsewhere", &test_problems), 0);
    char *twice = print(spec);
    EXPECT_STREQ(once, twice);
    free(once);
    free(twice);
    bit_msg_free(spec);
}

TEST_MAIN
