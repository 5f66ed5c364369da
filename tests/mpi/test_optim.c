/* The sharded optimizer: norm, digests and updates do not depend on the number of ranks; the right groups decay. */
#include "worker/ranks/optim.h"

#include <string.h>

#include "proto/crc32c.h"
#include "proto/wire/msg.h"
#include "tests/mpi/mpi_test.h"
#include "tests/mpi/run_spec.h"

static const char text[] =
    "model { layers: 2 width: 72 heads: 6 mlp_hidden: 100 vocab: 251 vocab_padded: 253 context: 16 tied: false }"
    "data { train: '/nowhere' } batch { instances: 24 } schedule { steps: 9 peak_lr: 1e-3 } launch { threads: 2 }";

struct fixture {
    Bit__RunSpec *spec;
    struct bit_worker_plan plan;
    struct bit_shard shard;
    struct bit_optim optim;
    struct bit_exec exec;
    struct bit_fabric fabric;
    float *grad; /* the whole vector */
};

/* The fixture of this rank in `over`. set may be NULL. */
static bool fixture_open_with(struct fixture *f, struct bit_comm *over, const char *set)
{
    const char *const all[] = {set, NULL};
    int err;

    *f = (struct fixture){0};
    err = run_spec_parse(text, all, &f->spec);
    if (err >= 0)
        err = bit_plan_init(&f->plan, f->spec, over->rank, over->size, over->size, 2, (int64_t)4 << 30);
    if (err >= 0)
        err = bit_shard_init(&f->shard, &f->plan);
    if (err >= 0)
        err = bit_exec_init(&f->exec, BIT_BACKEND_CPU, 2, 1 << 20);
    if (err >= 0)
        err = bit_optim_init(&f->optim, &f->shard, &f->exec, f->spec);
    if (err >= 0)
        err = bit_fabric_init(&f->fabric, over, &f->exec, &f->plan.layout, 2);
    if (!EXPECT_EQ(err, 0))
        return false;
    f->grad = malloc((size_t)f->plan.elements * sizeof *f->grad);
    struct bit_shard_part part = {0};
    while (bit_shard_next(&f->shard, 0, f->plan.elements, &part))
        for (int64_t i = 0; i < part.count; i++)
            f->optim.master[part.at + i] = value_of(1, part.begin + i);
    return true;
}

static bool fixture_open(struct fixture *f, struct bit_comm *over)
{
    return fixture_open_with(f, over, NULL);
}

static void fixture_close(struct fixture *f)
{
    bit_fabric_finish(&f->fabric);
    bit_optim_finish(&f->optim);
    bit_exec_finish(&f->exec);
    bit_shard_finish(&f->shard);
    bit_plan_finish(&f->plan);
    bit_msg_free(f->spec);
    free(f->grad);
}

static double one_step(struct fixture *f, uint64_t t)
{
    double norm = 0;

    for (int64_t i = 0; i < f->plan.elements; i++)
        f->grad[i] = value_of(100 + t, i) * 0.1f;
    EXPECT_EQ(bit_optim_clip(&f->optim, &f->fabric, f->grad), 0);
    EXPECT_EQ(bit_optim_read_norm(&f->optim, &norm), 0);
    const struct bit_optim_args args = {.lr = 1e-2, .weight_decay = 0.1, .beta1 = 0.9, .beta2 = 0.95, .t = t};
    EXPECT_EQ(bit_optim_update(&f->optim, f->grad, &args), 0);
    return norm;
}

static bool is_zero(const struct fixture *f, int file)
{
    const struct bit_shard_vector vector = bit_optim_vector(&f->optim, file);
    const uint8_t *byte = vector.values;

    for (size_t i = 0; i < (size_t)f->shard.count * bit_dtype_bytes(vector.dtype); i++)
        if (byte[i] != 0)
            return false;
    return true;
}

static void compare_with_one_rank(const char *set)
{
    struct bit_comm alone;
    struct fixture many, one;

    if (!EXPECT_EQ(bit_comm_init(&alone, MPI_COMM_SELF), 0) || !fixture_open_with(&many, &comm, set) ||
        !fixture_open_with(&one, &alone, set))
        return;
    for (uint64_t t = 1; t <= 3; t++) {
        EXPECT_EQ(one_step(&many, t), one_step(&one, t));
        struct bit_shard_part part = {0};
        while (bit_shard_next(&many.shard, 0, many.plan.elements, &part))
            EXPECT_MEMEQ(many.optim.master + part.at, one.optim.master + part.begin,
                         (size_t)part.count * sizeof(float));
        EXPECT_EQ(bit_optim_weights_digest(&many.optim, &comm, 2), bit_optim_weights_digest(&one.optim, &alone, 1));
        EXPECT_EQ(bit_optim_moments_digest(&many.optim, &comm, 2), bit_optim_moments_digest(&one.optim, &alone, 1));
    }
    uint64_t before = bit_optim_moments_digest(&one.optim, &alone, 1);
    bit_optim_reset(&one.optim);
    EXPECT_NE(bit_optim_moments_digest(&one.optim, &alone, 1), before);
    EXPECT(is_zero(&one, BIT_CHECKPOINT_EXP_AVG) && is_zero(&one, BIT_CHECKPOINT_EXP_AVG_SQ));
    fixture_close(&many);
    fixture_close(&one);
    bit_comm_finish(&alone);
}

TEST(norm_update_and_digests_do_not_depend_on_the_ranks)
{
    compare_with_one_rank("optimizer.moments=FP32");
}

/* The random bits that round an element depend on its index in the whole vector. */
TEST(nor_do_moments_of_bf16)
{
    compare_with_one_rank("optimizer.moments=BF16");
}

/* Another seed changes only the rounding: the masters, which are updated from the unrounded moments, are the same after
 * one step. */
TEST(moments_of_bf16_are_rounded_by_the_seed)
{
    uint64_t moments[2], weights[2];

    for (int i = 0; i < 2; i++) {
        struct fixture f;
        if (!fixture_open_with(&f, &comm, "optimizer.moments=BF16"))
            return;
        f.optim.seed = (uint64_t)i + 1;
        one_step(&f, 1);
        weights[i] = bit_optim_weights_digest(&f.optim, &comm, 1);
        moments[i] = bit_optim_moments_digest(&f.optim, &comm, 1);
        fixture_close(&f);
    }
    EXPECT_EQ(weights[0], weights[1]);
    EXPECT_NE(moments[0], moments[1]);
}

TEST(the_norm_is_that_of_the_whole_gradient)
{
    struct fixture f;
    double sum = 0;

    if (!fixture_open(&f, &comm))
        return;
    double norm = one_step(&f, 1);
    for (int64_t i = 0; i < f.plan.elements; i++)
        sum += (double)f.grad[i] * f.grad[i];
    EXPECT_NEAR(norm, sqrt(sum), 1e-9 * norm);
    EXPECT_EQ(f.optim.clip[1], fmin(1, 1.0 / (norm + 1e-6)));
    fixture_close(&f);
}

/* A step with a non-finite gradient updates nothing. */
TEST(a_norm_that_is_no_number_changes_nothing)
{
    struct fixture f;

    if (!fixture_open(&f, &comm))
        return;
    one_step(&f, 1);
    const uint64_t weights = bit_optim_weights_digest(&f.optim, &comm, 2),
                   moments = bit_optim_moments_digest(&f.optim, &comm, 2);
    f.grad[f.plan.elements / 2] = NAN;
    const struct bit_optim_args args = {.lr = 0.5, .weight_decay = 0.5, .beta1 = 0.9, .beta2 = 0.9, .t = 2};
    double norm = 0;
    EXPECT_EQ(bit_optim_clip(&f.optim, &f.fabric, f.grad), 0);
    EXPECT_EQ(bit_optim_update(&f.optim, f.grad, &args), 0);
    EXPECT_EQ(bit_optim_read_norm(&f.optim, &norm), 0);
    EXPECT(isnan(norm));
    EXPECT_EQ(bit_optim_weights_digest(&f.optim, &comm, 2), weights);
    EXPECT_EQ(bit_optim_moments_digest(&f.optim, &comm, 2), moments);
    fixture_close(&f);
}

/* The number of this rank's values that are wrong after a step with zero gradients: those that decay must be 3/4. */
static int64_t wrongly_decayed(struct fixture *f, bool embedding)
{
    const struct bit_optim_args args = {.lr = 0.5, .weight_decay = 0.5, .beta1 = 0.9, .beta2 = 0.9, .t = 1};
    int64_t wrong = 0;

    memset(f->grad, 0, (size_t)f->plan.elements * sizeof *f->grad);
    f->optim.decay_embeddings = embedding;
    EXPECT_EQ(bit_optim_update(&f->optim, f->grad, &args), 0);
    struct bit_shard_part part = {0};
    while (bit_shard_next(&f->shard, 0, f->plan.elements, &part))
        for (int64_t i = 0; i < part.count; i++) {
            const bool decays = embedding || part.begin + i >= f->shard.linear_begin;

            wrong += f->optim.master[part.at + i] != value_of(1, part.begin + i) * (decays ? 0.75f : 1);
        }
    return wrong;
}

/* The model is untied: the head, which is a linear too, comes after the blocks' linears. */
TEST(linears_and_the_head_decay_and_the_embedding_on_demand)
{
    for (int embedding = 0; embedding < 2; embedding++) {
        struct fixture f;

        if (!fixture_open(&f, &comm))
            return;
        EXPECT(f.plan.elements > f.shard.linear_end);
        EXPECT_EQ(wrongly_decayed(&f, embedding), 0);
        fixture_close(&f);
    }
}

MPI_TEST_MAIN
