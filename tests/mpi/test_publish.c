/* Scales, codes, counts and weights: the results of several ranks, compared with those of one. */
#include "worker/ranks/publish.h"

#include <stdlib.h>
#include <string.h>

#include "proto/wire/msg.h"
#include "tests/mpi/mpi_test.h"
#include "tests/mpi/run_spec.h"
#include "worker/ranks/optim.h"

static const char text[] =
    "model { layers: 2 width: 72 heads: 6 mlp_hidden: 100 vocab: 251 vocab_padded: 253 context: 16 tied: false }"
    "data { train: '/nowhere' } batch { instances: 24 micro_instances: 1 } schedule { steps: 9 peak_lr: 1e-3 }"
    "phases { switch { at_step: 3 ramp_steps: 2 } } launch { threads: 2 }";

/* A communicator of this rank only, with which the same code computes the reference. */
static struct bit_comm alone;

/* One rank of a model whose master weights do not depend on the number of ranks. */
struct fixture {
    Bit__RunSpec *spec;
    struct bit_worker_plan plan;
    struct bit_model *model;
    struct bit_shard shard;
    struct bit_fabric fabric;
    struct bit_publish publish;
    float *whole, *master; /* all master weights; this rank's shard */
};

/* The fixture of this rank in `over`, which is divided into groups of `group` ranks. */
static bool fixture_open_in(struct fixture *f, const char *const *set, struct bit_comm *over, int group)
{
    int err;

    *f = (struct fixture){0};
    err = run_spec_parse(text, set, &f->spec);
    if (err >= 0)
        f->spec->launch->shard_ranks = (uint32_t)group;
    if (err >= 0)
        err = bit_plan_init(&f->plan, f->spec, over->rank, over->size, over->size, 2, (int64_t)4 << 30);
    if (err >= 0)
        err = bit_model_create(&f->plan, BIT_BACKEND_CPU, &f->model);
    if (err >= 0)
        err = bit_shard_init(&f->shard, &f->plan);
    if (err >= 0)
        err = bit_fabric_init(&f->fabric, over, &f->model->exec, &f->plan.layout, 2);
    if (err >= 0)
        err = bit_publish_init(&f->publish, &f->plan, &f->shard, &f->fabric, f->model);
    if (!EXPECT_EQ(err, 0))
        return false;
    f->whole = malloc((size_t)f->plan.elements * sizeof *f->whole);
    f->master = malloc((size_t)f->shard.count * sizeof *f->master + 1);
    return true;
}

static bool fixture_open(struct fixture *f, const char *const *set, struct bit_comm *over)
{
    return fixture_open_in(f, set, over, 0);
}

static void fixture_fill(struct fixture *f, uint64_t seed)
{
    for (int64_t i = 0; i < f->plan.elements; i++)
        f->whole[i] = value_of(seed, i) * 0.08f;
    struct bit_shard_part part = {0};
    while (bit_shard_next(&f->shard, 0, f->plan.elements, &part))
        memcpy(f->master + part.at, f->whole + part.begin, (size_t)part.count * sizeof *f->master);
    bit_publish_stale(&f->publish);
}

static void fixture_close(struct fixture *f)
{
    bit_publish_finish(&f->publish);
    bit_fabric_finish(&f->fabric);
    bit_shard_finish(&f->shard);
    bit_model_destroy(f->model);
    bit_plan_finish(&f->plan);
    bit_msg_free(f->spec);
    free(f->whole);
    free(f->master);
}

/* Wait for layer after layer; each has the reference's bits after its wait. */
static void expect_layers_to_come(struct fixture *many, const struct fixture *one, bool codes)
{
    const struct bit_worker_plan *plan = &many->plan;
    const size_t each = bit_dtype_bytes(plan->operands);

    for (int i = 0; i < plan->linear_count; i += BIT_SITES) {
        const struct bit_linear *first = &plan->linears[i], *last = &plan->linears[i + BIT_SITES - 1];
        const int64_t begin = first->offset, end = last->offset + last->rows * last->cols;

        EXPECT_EQ(bit_publish_await(&many->publish, end), 0);
        if (codes)
            EXPECT_MEMEQ(bit_model_codes(many->model, begin), bit_model_codes(one->model, begin),
                         (size_t)(end - begin));
        else
            EXPECT_MEMEQ(bit_model_weight(many->model, begin), bit_model_weight(one->model, begin),
                         (size_t)(end - begin) * each);
    }
    EXPECT_EQ(bit_publish_is_coming(&many->publish), plan->layout.size > 1);
    EXPECT_EQ(bit_publish_await_all(&many->publish), 0);
    EXPECT(!bit_publish_is_coming(&many->publish));
}

static uint64_t total(uint64_t mine)
{
    bit_comm_sum_u64(&comm, &mine, 1);
    return mine;
}

static void expect_same_model(const struct fixture *a, const struct fixture *b, bool codes, bool linears)
{
    const size_t each = bit_dtype_bytes(a->plan.operands);
    const int64_t begin = a->shard.linear_begin, end = a->shard.linear_end;
    const char *x = a->model->weights, *y = b->model->weights;

    EXPECT_MEMEQ(x, y, (size_t)begin * each);
    EXPECT_MEMEQ(x + (size_t)end * each, y + (size_t)end * each, (size_t)(a->plan.elements - end) * each);
    if (linears)
        EXPECT_MEMEQ(x + (size_t)begin * each, y + (size_t)begin * each, (size_t)(end - begin) * each);
    if (codes)
        EXPECT_MEMEQ(bit_model_codes(a->model, begin), bit_model_codes(b->model, begin), (size_t)(end - begin));
    for (int l = 0; l < a->plan.linear_count && codes; l++)
        for (int s = 0; s < a->model->segments[l].count; s++)
            EXPECT_EQ(a->model->segments[l].scale[s], b->model->segments[l].scale[s]);
}

/* Every `group` ranks share a copy of the master weights; 0: all ranks share one. joined: as on GPUs. */
static void check_against_alone(const char *const *set, int group, bool joined)
{
    struct fixture many, one;
    struct bit_comm ranks;

    if (!EXPECT_EQ(bit_comm_init(&ranks, MPI_COMM_WORLD), 0) ||
        (group > 0 && !EXPECT_EQ(bit_comm_divide(&ranks, group), 0)))
        return;
    const uint64_t copies = (uint64_t)(comm.size / bit_comm_group(&ranks)->size);
    if (!fixture_open_in(&many, set, &ranks, group) || !fixture_open(&one, set, &alone))
        return;
    EXPECT(!many.publish.scales.joined);
    many.publish.scales.joined = joined;
    const struct {
        Bit__Precision precision;
        double strength;
    } steps[] = {{BIT__PRECISION__SIXTEEN_BIT, 1},
                 {BIT__PRECISION__TERNARY, 0.25},
                 {BIT__PRECISION__TERNARY, 0.5},
                 {BIT__PRECISION__TERNARY, 1},
                 {BIT__PRECISION__TERNARY, 1}};
    for (uint64_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const bool ternary = steps[i].precision == BIT__PRECISION__TERNARY;
        fixture_fill(&many, i / 2);
        fixture_fill(&one, i / 2);
        EXPECT_EQ(bit_publish_train(&many.publish, many.master, steps[i].precision, steps[i].strength), 0);
        EXPECT_EQ(bit_publish_train(&one.publish, one.master, steps[i].precision, steps[i].strength), 0);
        EXPECT_EQ(bit_publish_is_coming(&many.publish), many.plan.layout.size > 1);
        EXPECT(!bit_publish_is_coming(&one.publish));
        if (many.plan.tied == 0)
            expect_layers_to_come(&many, &one, ternary && steps[i].strength == 1);
        EXPECT_EQ(bit_publish_await_all(&many.publish), 0);
        EXPECT_EQ(bit_publish_read_counts(&many.publish), 0);
        EXPECT_EQ(bit_publish_read_counts(&one.publish), 0);
        expect_same_model(&many, &one, ternary && steps[i].strength == 1, !ternary || steps[i].strength < 1);
        EXPECT_EQ(total(many.publish.counts.zeros), copies * one.publish.counts.zeros);
        EXPECT_EQ(total(many.publish.counts.flips), copies * one.publish.counts.flips);
        EXPECT_EQ(many.publish.counts.has_codes, ternary);
        EXPECT_EQ(many.publish.counts.has_flips, i >= 2);
    }
    EXPECT(one.publish.counts.zeros > 0);
    EXPECT(one.publish.counts.flips == 0 || one.publish.counts.flips > 1000);
    fixture_close(&many);
    fixture_close(&one);
    bit_comm_finish(&ranks);
}

static void with_alone(void (*body)(void))
{
    if (EXPECT_EQ(bit_comm_init(&alone, MPI_COMM_SELF), 0))
        body();
    bit_comm_finish(&alone);
}

/* The last two models are large enough that every rank owns blocks of each layer. */
static void all_quantizers(void)
{
    static const char *const sets[][4] = {
        {"quantizer.preset=continual", NULL},
        {"quantizer.preset=b158", "model.operands=FP32", NULL},
        {"quantizer.granularity=projection", "quantizer.weight_measure=mean", NULL},
        {"quantizer.granularity=projection", "quantizer.weight_measure=median", "model.tied=true", NULL},
        {"quantizer.preset=continual", "model.width=144", "model.mlp_hidden=500", NULL},
        {"quantizer.preset=b158", "model.width=144", "model.mlp_hidden=500", NULL},
    };

    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        for (int group = 0; group < comm.size; group++)
            if (group == 0 || comm.size % group == 0)
                for (int joined = 0; joined < 2; joined++)
                    check_against_alone(sets[i], group, joined);
}

TEST(many_ranks_publish_what_one_does)
{
    with_alone(all_quantizers);
}

/* Two passes and the sharing of what was found: three sums, whichever segments the ranks share. */
TEST(joined_counts_are_one_sum_a_pass)
{
    static const char *const set[] = {"quantizer.preset=continual", "model.width=144", "model.mlp_hidden=500", NULL};
    struct fixture f;

    if (!fixture_open(&f, set, &comm))
        return;
    fixture_fill(&f, 3);
    f.publish.scales.joined = true;
    const uint64_t before = f.fabric.calls;
    EXPECT_EQ(bit_weight_scales_find(&f.publish.scales, &f.fabric, f.master, f.model->scales), 0);
    EXPECT_EQ(f.fabric.calls - before, comm.size == 1 ? 0u : 3u);
    fixture_close(&f);
}

/* Computes the scale here, from its definition. */
static void check_scale(const char *measure, bool median)
{
    const char *const set[] = {measure, NULL};
    struct fixture f;

    if (!fixture_open(&f, set, &comm))
        return;
    fixture_fill(&f, 5);
    EXPECT_EQ(bit_publish_train(&f.publish, f.master, BIT__PRECISION__TERNARY, 1), 0);
    EXPECT_EQ(bit_publish_await_all(&f.publish), 0);
    for (int l = 0; l < f.plan.linear_count; l++) {
        const struct bit_linear *linear = &f.plan.linears[l];
        const int64_t count = linear->rows * linear->cols;
        const int8_t *codes = bit_model_codes(f.model, linear->offset);
        const float *w = f.whole + linear->offset, scale = f.model->segments[l].scale[0];
        int64_t below = 0, at_most = 0, zeros = 0;
        double sum = 0;
        for (int64_t i = 0; i < count; i++) {
            below += fabsf(w[i]) < 1 / scale * 0.999999f;
            at_most += fabsf(w[i]) < 1 / scale * 1.000001f;
            sum += fabs((double)w[i]);
            zeros += codes[i] != (int8_t)fmaxf(fminf(rintf(w[i] * scale), 1), -1);
        }
        EXPECT_EQ(zeros, 0);
        if (median)
            EXPECT(below <= (count - 1) / 2 && at_most > (count - 1) / 2);
        else
            EXPECT_NEAR(1 / scale, sum / (double)count, 1e-6 * sum / (double)count);
    }
    fixture_close(&f);
}

/* Every rank has the transposed codes of all matrices before it trains, whichever rank computed the codes. */
TEST(codes_are_turned_for_data_gradients_of_int8)
{
    const char *const set[] = {"quantizer.data_gradient=INT8", NULL};
    struct fixture f;

    if (!fixture_open(&f, set, &comm))
        return;
    fixture_fill(&f, 6);
    EXPECT_EQ(bit_publish_train(&f.publish, f.master, BIT__PRECISION__TERNARY, 1), 0);
    EXPECT_EQ(bit_publish_await_all(&f.publish), 0);
    for (int l = 0; l < f.plan.linear_count; l++) {
        const struct bit_linear *linear = &f.plan.linears[l];
        const int8_t *codes = bit_model_codes(f.model, linear->offset);
        const int8_t *turned = bit_model_turned_codes(f.model, linear);
        int64_t wrong = 0;
        for (int64_t r = 0; r < linear->rows; r++)
            for (int64_t c = 0; c < linear->cols; c++)
                wrong += turned[c * linear->rows + r] != codes[r * linear->cols + c];
        EXPECT_EQ(wrong, 0);
    }
    fixture_close(&f);
}

TEST(scales_and_codes_are_the_definitions)
{
    check_scale("quantizer.weight_measure=median", true);
    check_scale("quantizer.weight_measure=mean", false);
}

TEST(an_evaluation_between_two_steps_is_not_seen)
{
    const char *const set[] = {NULL};
    struct fixture a, b;

    if (!fixture_open(&a, set, &comm) || !fixture_open(&b, set, &comm))
        return;
    for (uint64_t step = 0; step < 4; step++) {
        const Bit__Precision precision = step < 2 ? BIT__PRECISION__SIXTEEN_BIT : BIT__PRECISION__TERNARY;
        fixture_fill(&a, step);
        fixture_fill(&b, step);
        EXPECT_EQ(bit_publish_evaluate(&b.publish, b.master, BIT__PRECISION__TERNARY), 0);
        EXPECT_EQ(bit_publish_evaluate(&b.publish, b.master, BIT__PRECISION__SIXTEEN_BIT), 0);
        EXPECT_EQ(bit_publish_evaluate(&b.publish, b.master, BIT__PRECISION__TERNARY), 0);
        EXPECT_EQ(bit_publish_train(&a.publish, a.master, precision, 1), 0);
        EXPECT_EQ(bit_publish_train(&b.publish, b.master, precision, 1), 0);
        EXPECT_EQ(bit_publish_await_all(&a.publish), 0);
        EXPECT_EQ(bit_publish_await_all(&b.publish), 0);
        EXPECT_EQ(bit_publish_read_counts(&a.publish), 0);
        EXPECT_EQ(bit_publish_read_counts(&b.publish), 0);
        expect_same_model(&a, &b, step >= 2, step < 2);
        EXPECT_EQ(a.publish.counts.zeros, b.publish.counts.zeros);
        EXPECT_EQ(a.publish.counts.flips, b.publish.counts.flips);
        EXPECT_EQ(a.publish.counts.has_flips, b.publish.counts.has_flips);
    }
    EXPECT(total(a.publish.counts.flips) > 0);
    fixture_close(&a);
    fixture_close(&b);
}

/* An evaluation right after a publication for training, as when the step is refused, must not see a partial gather. */
TEST(an_evaluation_of_what_is_on_its_way_waits_for_it)
{
    const char *const set[] = {"model.width=144", "model.mlp_hidden=500", NULL};
    struct fixture a, b;

    if (!fixture_open(&a, set, &comm) || !fixture_open(&b, set, &comm))
        return;
    for (uint64_t step = 0; step < 4; step++) {
        const Bit__Precision precision = step % 2 == 0 ? BIT__PRECISION__SIXTEEN_BIT : BIT__PRECISION__TERNARY,
                             other = step < 2 ? precision : BIT__PRECISION__SIXTEEN_BIT;
        fixture_fill(&a, step);
        fixture_fill(&b, step);
        EXPECT_EQ(bit_publish_evaluate(&a.publish, a.master, other), 0);
        EXPECT_EQ(bit_publish_train(&b.publish, b.master, precision, 1), 0);
        EXPECT_EQ(bit_publish_evaluate(&b.publish, b.master, other), 0);
        EXPECT(!bit_publish_is_coming(&b.publish));
        expect_same_model(&a, &b, other == BIT__PRECISION__TERNARY, other != BIT__PRECISION__TERNARY);
    }
    fixture_close(&a);
    fixture_close(&b);
}

MPI_TEST_MAIN
