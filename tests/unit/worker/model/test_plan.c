/* The plan: shares that cover everything, bytes that add up, and refusals with their reason. */
#include "config.h"
#include "kernels/attention.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/host_memory.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"
#include "tests/spec_of.h"
#include "tests/test.h"
#include "worker/model/activations.h"
#include "worker/model/plan.h"

#define GIB (1ll << 30)

static Bit__RunSpec *spec_of(const char *text)
{
    return test_spec_normalised(text, "/");
}

#define MODEL "model { layers: 3 width: 64 heads: 2 mlp_hidden: 160 vocab: 500 vocab_padded: 512 context: 128 }"
#define SMALL MODEL " batch { instances: 60 }"

TEST(the_ranks_have_all_of_the_vector)
{
    const int sizes[] = {1, 2, 3, 5, 12, 60};
    Bit__RunSpec *spec = spec_of(SMALL);

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int64_t elements = 0, linears = 0;
        for (int rank = 0; rank < sizes[i]; rank++) {
            struct bit_worker_plan plan;
            if (!EXPECT_EQ(bit_plan_init(&plan, spec, rank, sizes[i], sizes[i], 1, 64 * GIB), 0))
                break;
            EXPECT_EQ(plan.share * sizes[i], 60);
            elements += plan.own_elements;
            linears += plan.own_linears;
            if (rank == sizes[i] - 1) {
                EXPECT_EQ(elements, plan.elements);
                EXPECT_EQ(linears, plan.linear_elements);
            }
            bit_plan_finish(&plan);
        }
    }
    bit_msg_free(&spec->base);
}

TEST(each_group_has_all_of_the_vector)
{
    Bit__RunSpec *spec = spec_of(SMALL);

    for (uint32_t group = 1; group <= 12; group++) {
        int64_t elements = 0;
        if (12 % group != 0)
            continue;
        spec->launch->shard_ranks = group;
        for (int rank = 0; rank < 12; rank++) {
            struct bit_worker_plan plan;
            if (!EXPECT_EQ(bit_plan_init(&plan, spec, rank, 12, 12, 1, 64 * GIB), 0))
                break;
            EXPECT_EQ(plan.share * 12, 60);
            EXPECT_EQ(plan.layout.size, (int)group);
            EXPECT_EQ(plan.memory.optimizer, (uint64_t)(plan.own_elements * 12 + (plan.own_linears + 3) / 4));
            elements += plan.own_elements;
            if (rank == 11)
                EXPECT_EQ(elements, plan.elements * 12 / (int)group);
            bit_plan_finish(&plan);
        }
    }
    bit_msg_free(&spec->base);
}

TEST(groups_divide_the_ranks)
{
    Bit__RunSpec *spec = spec_of(SMALL);
    struct bit_worker_plan plan;

    spec->launch->shard_ranks = 5;
    EXPECT_EQ(bit_plan_init(&plan, spec, 0, 12, 12, 1, 64 * GIB), BIT_ESPEC);
    EXPECT_CONTAINS(bit_fail_text(), "launch.shard_ranks: 5 does not divide 12 ranks");
    bit_msg_free(&spec->base);
}

TEST(every_instance_has_one_rank)
{
    struct bit_worker_plan plan = {.size = 7};

    for (int64_t instances = 0; instances < 30; instances++) {
        int64_t all = 0;
        for (int rank = 0; rank < plan.size; rank++)
            all += bit_plan_share(&plan, rank, instances);
        EXPECT_EQ(all, instances);
    }
    EXPECT_EQ(bit_plan_share(&plan, 0, 8), 2);
    EXPECT_EQ(bit_plan_share(&plan, 1, 8), 1);
}

static void expect_segments(const char *granularity, int att_proj, int ff_proj)
{
    char text[512];
    struct bit_worker_plan plan;

    snprintf(text, sizeof text, SMALL " quantizer { granularity: %s }", granularity);
    Bit__RunSpec *spec = spec_of(text);
    if (EXPECT_EQ(bit_plan_init(&plan, spec, 0, 1, 1, 2, 64 * GIB), 0)) {
        EXPECT_EQ(plan.linear_count, 12);
        EXPECT_EQ(plan.linears[4 + BIT_SITE_ATT_PROJ].segment_count, att_proj);
        EXPECT_EQ(plan.linears[4 + BIT_SITE_ATTN_OUT].segment_count, 1);
        EXPECT_EQ(plan.linears[4 + BIT_SITE_FF_PROJ].segment_count, ff_proj);
        EXPECT_EQ(plan.linears[4 + BIT_SITE_FF_OUT].segment_count, 1);
        for (int i = 0; i < plan.linear_count; i++) {
            const struct bit_linear *linear = &plan.linears[i];
            int64_t at = linear->offset, offset, count;
            for (int s = 0; s < linear->segment_count; s++, at += count) {
                bit_plan_segment(linear, s, &offset, &count);
                EXPECT_EQ(offset, at);
            }
            EXPECT_EQ(at, linear->offset + linear->rows * linear->cols);
        }
        bit_plan_finish(&plan);
    }
    bit_msg_free(&spec->base);
}

TEST(segments_cover_their_matrix)
{
    expect_segments("FUSED", 1, 1);
    expect_segments("PROJECTION", 3, 2);
}

TEST(memory_adds_up)
{
    Bit__RunSpec *spec = spec_of(MODEL " batch { instances: 60 micro_instances: 4 }");
    struct bit_worker_plan plan;

    if (EXPECT_EQ(bit_plan_init(&plan, spec, 1, 3, 1, 2, 64 * GIB), 0)) {
        const Bit__MemoryPlan *m = &plan.memory;
        EXPECT_EQ(m->total, m->weights + m->gradients + m->optimizer + m->activations + m->workspace);
        EXPECT_EQ(plan.elements, 512 * 64 + 3 * (4 * 64 * 64 + 3 * 64 * 160));
        EXPECT_EQ(plan.linear_elements, 3 * (4 * 64 * 64 + 3 * 64 * 160));
        EXPECT_EQ(m->weights, (uint64_t)plan.elements * 2); /* bf16; codes are stored in the same memory */
        EXPECT_EQ(m->gradients, (uint64_t)plan.elements * 4);
        EXPECT(plan.own_elements > 0 && m->optimizer >= (uint64_t)plan.own_elements * 12);
        EXPECT_EQ(plan.micro_instances, 4);
        bit_plan_finish(&plan);
    }
    bit_msg_free(&spec->base);
}

/* Two bytes less for each moment, on the device and in the host's snapshot for checkpoints. */
TEST(moments_of_bf16_take_half)
{
    Bit__RunSpec *specs[] = {spec_of(SMALL), spec_of(SMALL " optimizer { moments: BF16 }")};
    struct bit_worker_plan plan[2];

    for (int i = 0; i < 2; i++)
        EXPECT_EQ(bit_plan_init(&plan[i], specs[i], 1, 3, 1, 2, 64 * GIB), 0);
    const uint64_t less = (uint64_t)plan[0].own_elements * 4;
    EXPECT_EQ(plan[1].moments, BIT_BF16);
    EXPECT_EQ(plan[0].memory.optimizer - plan[1].memory.optimizer, less);
    EXPECT_EQ(plan[0].memory.total - plan[1].memory.total, less);
    EXPECT_EQ(plan[0].memory.snapshot - plan[1].memory.snapshot, less);
    for (int i = 0; i < 2; i++) {
        bit_plan_finish(&plan[i]);
        bit_msg_free(specs[i]);
    }
}

TEST(what_only_evaluates_has_no_gradient_and_no_moments)
{
    Bit__RunSpec *spec = spec_of(SMALL);
    struct bit_worker_plan training, evaluating;

    EXPECT_EQ(bit_plan_init(&training, spec, 0, 1, 1, 1, 64 * GIB), 0);
    spec->schedule->steps = 0;
    EXPECT_EQ(bit_plan_init(&evaluating, spec, 0, 1, 1, 1, 64 * GIB), 0);
    EXPECT(training.trains && !evaluating.trains);
    EXPECT_EQ(evaluating.memory.weights, training.memory.weights);
    EXPECT_EQ(evaluating.memory.gradients, 0);
    EXPECT_EQ(training.memory.optimizer - evaluating.memory.optimizer, (uint64_t)(8 * training.elements));
    EXPECT(training.memory.snapshot > 0);
    EXPECT(!evaluating.memory.has_snapshot && !evaluating.memory.has_recompute);
    EXPECT_EQ(evaluating.micro_instances, training.micro_instances);
    bit_plan_finish(&training);
    bit_plan_finish(&evaluating);
    bit_msg_free(&spec->base);
}

/* Less memory gives smaller micro-batches, always a divisor of the share; the total never exceeds the limit. */
TEST(the_micro_batch_fits)
{
    Bit__RunSpec *spec = spec_of(SMALL);
    struct bit_worker_plan plan;
    int64_t before = INT64_MAX, smallest = 0;

    for (int64_t limit = 64 * GIB; limit > 1 << 20; limit = limit / 50 * 49) {
        if (bit_plan_init(&plan, spec, 0, 1, 1, 1, limit) < 0)
            break;
        EXPECT(plan.memory.total <= (uint64_t)limit);
        EXPECT_EQ(plan.share % plan.micro_instances, 0);
        EXPECT(plan.micro_instances <= before);
        before = plan.micro_instances;
        smallest = before;
        bit_plan_finish(&plan);
    }
    EXPECT_EQ(smallest, 1);
    bit_msg_free(&spec->base);
}

static int plan_at(struct bit_worker_plan *plan, const char *launch, int64_t available)
{
    char text[512];

    snprintf(text, sizeof text, SMALL " launch { backend: CUDA %s }", launch);
    Bit__RunSpec *spec = spec_of(text);
    const int err = bit_plan_init(plan, spec, 0, 1, 1, 1, available);
    bit_msg_free(&spec->base);
    return err;
}

/* Operands are kept if that leaves the micro-batch as large as recomputing does. */
TEST(operands_are_kept_where_they_fit)
{
    struct bit_worker_plan again, kept, plan;

    if (!EXPECT_EQ(plan_at(&again, "recompute: ALWAYS", 64 * GIB), 0) ||
        !EXPECT_EQ(plan_at(&kept, "recompute: NEVER", 64 * GIB), 0))
        return;
    EXPECT(again.memory.recompute && !kept.memory.recompute);
    EXPECT_EQ(again.micro_instances, kept.micro_instances);
    EXPECT(kept.memory.activations > again.memory.activations);
    const int64_t libraries = GIB, room = (int64_t)kept.memory.total + libraries;
    if (EXPECT_EQ(plan_at(&plan, "", room), 0)) {
        EXPECT(!plan.recompute);
        EXPECT_EQ(plan.memory.total, kept.memory.total);
        bit_plan_finish(&plan);
    }
    if (EXPECT_EQ(plan_at(&plan, "", room - 1), 0)) {
        EXPECT(plan.recompute);
        EXPECT_EQ(plan.micro_instances, again.micro_instances);
        EXPECT_EQ(plan.memory.total, again.memory.total);
        bit_plan_finish(&plan);
    }
    if (EXPECT_EQ(plan_at(&plan, "recompute: NEVER", room - 1), 0)) {
        EXPECT(!plan.recompute);
        EXPECT(plan.micro_instances < kept.micro_instances);
        bit_plan_finish(&plan);
    }
    EXPECT_EQ(plan_at(&plan, "recompute: NEVER", libraries + 1), BIT_EMEMORY);
    EXPECT_CONTAINS(bit_fail_text(), "launch.recompute: NEVER keeps every operand");
    bit_plan_finish(&again);
    bit_plan_finish(&kept);
}

/* cuDNN's deterministic backward pass needs scratch up to 4096 positions; for longer sequences it is not used. */
TEST(deterministic_attention_has_its_scratch)
{
    struct bit_worker_plan plain, same;

    if (!EXPECT_EQ(plan_at(&plain, "", 64 * GIB), 0) || !EXPECT_EQ(plan_at(&same, "deterministic: true", 64 * GIB), 0))
        return;
    EXPECT(!plain.deterministic && same.deterministic);
    EXPECT_EQ(bit_attention_backward_workspace_cuda(1, 8192, 16, 128, true) <
                  bit_attention_backward_workspace_cuda(1, 4096, 16, 128, true),
              BIT_HAVE_CUDNN);
    bit_plan_finish(&plain);
    bit_plan_finish(&same);
}

/* Scoring fits into training's memory, and packs requests the same way for any number of ranks. */
TEST(scoring_takes_no_memory_of_its_own)
{
    static const char *const models[] = {
        "model { preset: 'olmo_1b' }",
        "model { preset: 'olmo_20m' }",
        "model { preset: 'olmo_300m' operands: FP32 }",
        MODEL,
        "model { layers: 1 width: 64 heads: 4 mlp_hidden: 128 vocab: 90 vocab_padded: 96 context: 2048 }",
    };
    static const char *const backends[] = {"launch { backend: CPU }", "launch { backend: CUDA }"};
    char text[512];

    for (size_t i = 0; i < BIT_COUNT(models) * 2; i++) {
        struct bit_worker_plan one, four;

        snprintf(text, sizeof text, "%s %s batch { instances: 16 micro_instances: 1 }", models[i / 2], backends[i % 2]);
        Bit__RunSpec *spec = spec_of(text);
        if (!EXPECT_EQ(bit_plan_init(&one, spec, 0, 1, 1, 1, 1024 * GIB), 0))
            return;
        EXPECT_EQ((int64_t)one.memory.activations, bit_arena_bytes(&one, 1));
        EXPECT(one.score_rows >= one.context && one.score_logits >= 1);
        spec->batch->micro_instances = 4;
        if (!EXPECT_EQ(bit_plan_init(&four, spec, 1, 4, 1, 1, 1024 * GIB), 0))
            return;
        EXPECT_EQ((int64_t)four.memory.activations, bit_arena_bytes(&four, 4));
        EXPECT_EQ(four.score_rows, one.score_rows);
        EXPECT_EQ(four.score_logits, one.score_logits);
        if (i < 4)
            EXPECT(one.score_rows >= (i % 2 == 0 ? 1024 : 4096) || one.score_rows == one.context);
        bit_plan_finish(&one);
        bit_plan_finish(&four);
        bit_msg_free(spec);
    }
}

TEST(too_little_memory_is_refused_with_the_numbers)
{
    Bit__RunSpec *spec = spec_of("model { preset: 'olmo_1b' } batch { instances: 8 } launch { memory_gib: 3 }");
    struct bit_worker_plan plan;

    EXPECT_EQ(bit_plan_init(&plan, spec, 0, 1, 1, 2, 640 * GIB), BIT_EMEMORY);
    EXPECT_CONTAINS(bit_fail_text(), "may use 3.00");
    EXPECT_CONTAINS(bit_fail_text(), "optimizer");
    /* two ranks on one machine share it */
    spec->launch->memory_gib = 0;
    EXPECT_EQ(bit_plan_init(&plan, spec, 0, 2, 2, 2, 20 * GIB), BIT_EMEMORY);
    if (EXPECT_EQ(bit_plan_init(&plan, spec, 0, 2, 2, 2, 640 * GIB), 0)) {
        EXPECT_EQ(plan.elements, 1176764416);
        bit_plan_finish(&plan);
    }
    bit_msg_free(&spec->base);
}

TEST(ranks_must_divide_the_batch)
{
    Bit__RunSpec *spec = spec_of(SMALL);
    struct bit_worker_plan plan;

    EXPECT_EQ(bit_plan_init(&plan, spec, 0, 7, 1, 1, 64 * GIB), BIT_ESPEC);
    bit_msg_free(&spec->base);
}

TEST(the_machine_has_memory)
{
    EXPECT(bit_host_memory_available() > 1 << 20);
    EXPECT(bit_host_memory_total() >= bit_host_memory_available());
    EXPECT(bit_host_memory_total() < INT64_MAX);
}

TEST(products_are_fused_unless_the_specification_forbids_it)
{
    struct bit_worker_plan by_default, forbidden;

    if (!EXPECT_EQ(plan_at(&by_default, "", 64 * GIB), 0) ||
        !EXPECT_EQ(plan_at(&forbidden, "fused_products: NEVER", 64 * GIB), 0))
        return;
    EXPECT(by_default.fuses && !forbidden.fuses);
    bit_plan_finish(&by_default);
    bit_plan_finish(&forbidden);
}

TEST_MAIN
