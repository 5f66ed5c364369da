/*
 * Writes a trace of twenty steps of the worker's clipping, schedule and AdamW. adamw_torch.py repeats them with torch
 * and compares. Skipped (77) without python or torch.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/spec/schedule.h"
#include "proto/wire/msg.h"
#include "tests/mpi/mpi_test.h"
#include "tests/mpi/run_spec.h"
#include "worker/ranks/optim.h"

#define STEPS 20

static const char text[] =
    "model { layers: 1 width: 32 heads: 2 mlp_hidden: 48 vocab: 97 vocab_padded: 100 context: 16 tied: false }"
    "data { train: '/nowhere' } batch { instances: 1 } launch { ranks: 1 }"
    "schedule { steps: 20 peak_lr: 3e-3 warmup_steps: 6 warmup_start: 0.1 final: 0.1 }"
    "optimizer { beta1: 0.9 beta2: 0.95 eps: 1e-5 weight_decay: 0.1 clip_norm: 1.0 }";

static void put(FILE *to, const void *bytes, size_t count)
{
    EXPECT_EQ(fwrite(bytes, 1, count, to), count);
}

/* One step. Writes the learning rate, the norm and the clipped gradient before the update. */
static void step(FILE *to, struct bit_optim *optim, struct bit_fabric *fabric, const Bit__RunSpec *spec, uint64_t t)
{
    const struct bit_switch_plan no_switch = {0};
    const double lr = bit_schedule_lr(spec, &no_switch, t);
    const size_t bytes = (size_t)optim->shard->count * sizeof(float);
    float *grad = malloc(bytes);
    double norm = 0;

    /* Norms above the clipping norm in some steps, below it in others. */
    for (int64_t i = 0; i < optim->shard->count; i++)
        grad[i] = value_of(50 + t, i) * (t % 3 == 0 ? 0.001f : 0.1f);
    EXPECT_EQ(bit_optim_clip(optim, fabric, grad), 0);
    EXPECT_EQ(bit_optim_read_norm(optim, &norm), 0);
    put(to, &lr, sizeof lr);
    put(to, &norm, sizeof norm);
    put(to, grad, bytes);
    const struct bit_optim_args args = {
        .lr = lr,
        .weight_decay = spec->optimizer->weight_decay,
        .beta1 = spec->optimizer->beta1,
        .beta2 = spec->optimizer->beta2,
        .t = t,
    };
    EXPECT_EQ(bit_optim_update(optim, grad, &args), 0);
    free(grad);
}

static void trace(FILE *to, const Bit__RunSpec *spec)
{
    struct bit_worker_plan plan;
    struct bit_shard shard;
    struct bit_optim optim;
    struct bit_fabric fabric;
    struct bit_exec exec;

    if (!EXPECT_EQ(bit_plan_init(&plan, spec, 0, 1, 1, 1, (int64_t)1 << 30), 0) ||
        !EXPECT_EQ(bit_shard_init(&shard, &plan), 0) ||
        !EXPECT_EQ(bit_exec_init(&exec, BIT_BACKEND_CPU, 1, 1 << 20), 0) ||
        !EXPECT_EQ(bit_fabric_init(&fabric, &comm, &exec, &plan.layout, 1), 0) ||
        !EXPECT_EQ(bit_optim_init(&optim, &shard, &exec, spec), 0))
        return;
    const int64_t head[] = {STEPS, plan.elements, shard.linear_begin, shard.linear_end, plan.moments == BIT_BF16};
    const double beta2 = spec->optimizer->beta2;
    const size_t bytes = (size_t)plan.elements * sizeof(float),
                 of_moments = (size_t)plan.elements * bit_dtype_bytes(plan.moments);
    for (int64_t i = 0; i < plan.elements; i++)
        optim.master[i] = value_of(1, i) * 0.2f;
    put(to, head, sizeof head);
    put(to, &beta2, sizeof beta2);
    put(to, optim.master, bytes);
    for (uint64_t t = 1; t <= STEPS; t++)
        step(to, &optim, &fabric, spec, t);
    put(to, optim.master, bytes);
    put(to, optim.exp_avg, of_moments);
    put(to, optim.exp_avg_sq, of_moments);
    bit_optim_finish(&optim);
    bit_fabric_finish(&fabric);
    bit_exec_finish(&exec);
    bit_shard_finish(&shard);
    bit_plan_finish(&plan);
}

static int run_python(const char *python, const char *path)
{
    const char *root = getenv("BIT_SOURCE_ROOT");
    char script[512];
    int status = 0;
    pid_t pid;

    if (python == NULL || root == NULL)
        return TEST_SKIPPED;
    snprintf(script, sizeof script, "%s/tests/mpi/adamw_torch.py", root);
    pid = fork();
    if (pid == 0) {
        execl(python, python, script, path, (char *)NULL);
        _exit(TEST_SKIPPED);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void compare_with_torch(const char *const *set)
{
    const char *path = test_path("trace");
    Bit__RunSpec *spec = NULL;
    FILE *to = fopen(path, "wb");
    int code;

    if (EXPECT(to != NULL) && EXPECT_EQ(run_spec_parse(text, set, &spec), 0)) {
        trace(to, spec);
        EXPECT_EQ(fclose(to), 0);
        code = run_python(getenv("BIT_PYTHON"), path);
        if (code == TEST_SKIPPED)
            code = run_python("/usr/bin/python3", path); /* Debian's, which has python3-torch */
        if (code == TEST_SKIPPED)
            test_skip("no python with torch");
        else
            EXPECT_EQ(code, 0);
    }
    bit_msg_free(spec);
}

TEST(twenty_steps_are_torchs)
{
    compare_with_torch(NULL);
}

/* torch's results, rounded with the random bits that adamw_torch.py computes as stochastic_rounding.h does. */
TEST(twenty_steps_with_moments_of_bf16_are_torchs_rounded_alike)
{
    static const char *const set[] = {"optimizer.moments=BF16", "optimizer.beta2=0.999", NULL};

    compare_with_torch(set);
}

MPI_TEST_MAIN
