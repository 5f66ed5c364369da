#include "worker/model/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/attention.h"
#include "kernels/attention_branches.h"
#include "kernels/bitlinear.h"
#include "kernels/embed.h"
#include "kernels/matmul.h"
#include "kernels/swiglu_quantise.h"
#include "kernels/weight_measure.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/host_memory.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "worker/model/activations.h"

/* Positions in one product. More rows gain nothing once the weights' traffic is small compared with the products. */
#define MICRO_TOKENS_MAX      16384
#define MICRO_TOKENS_MAX_CUDA 65536
/* Positions whose logits are in memory at once: few enough for memory, enough that adding to the head's gradient is
 * cheap. */
#define HEAD_ROWS_MAX      1024
#define HEAD_ROWS_MAX_CUDA 4096
/* Rows of requests in one forward pass: a few thousand are enough for a GPU's best speed. */
#define SCORE_ROWS_MAX      1024
#define SCORE_ROWS_MAX_CUDA 4096
#define SCORE_ROWS_UNIT     64
/* Left free on a GPU for memory that we cannot count: NCCL's buffers, kernels loaded late. */
#define LIBRARIES_BYTES_CUDA ((int64_t)1 << 30)
#define WORKSPACE_BYTES_MIN  (1 << 20)

/* ---- the specification, in the operators' terms */

static void read_model(struct bit_worker_plan *plan, const Bit__ModelSpec *model)
{
    plan->layers = (int)model->layers;
    plan->context = model->context;
    plan->width = model->width;
    plan->heads = model->heads;
    plan->head_dim = model->width / model->heads;
    plan->hidden = model->mlp_hidden;
    plan->vocab = model->vocab;
    plan->vocab_padded = model->vocab_padded;
    plan->tied = model->tied;
    plan->norm_eps = (float)model->norm_eps;
    plan->clip_qkv = (float)model->clip_qkv;
    plan->rope_theta = model->rope_theta;
    plan->operands = model->operands == BIT__OPERANDS__FP32 ? BIT_F32 : BIT_BF16;
    plan->residual = model->residual == BIT__OPERANDS__BF16 ? BIT_BF16 : BIT_F32;
    plan->init = model->init;
    plan->init_std = model->init_std;
    plan->init_seed = model->init_seed;
}

static enum bit_measure measure_of(Bit__Measure measure)
{
    switch (measure) {
    case BIT__MEASURE__ABSMAX:
        return BIT_MEASURE_ABSMAX;
    case BIT__MEASURE__MEAN:
        return BIT_MEASURE_MEAN;
    case BIT__MEASURE__MEDIAN:
    default:
        return BIT_MEASURE_MEDIAN;
    }
}

static enum bit_norm_kind norm_of(Bit__InnerNorm norm)
{
    switch (norm) {
    case BIT__INNER_NORM__NO_NORM:
        return BIT_NORM_NONE;
    case BIT__INNER_NORM__RMSNORM:
        return BIT_NORM_RMS;
    case BIT__INNER_NORM__LAYERNORM:
    default:
        return BIT_NORM_LAYER;
    }
}

static void read_quantizer(struct bit_worker_plan *plan, const Bit__QuantizerSpec *spec)
{
    plan->quantizer = (struct bit_plan_quantizer){
        .weight_measure = measure_of(spec->weight_measure),
        .activation_measure = measure_of(spec->activation_measure),
        .inner_norm = norm_of(spec->inner_norm),
        .levels = (float)spec->activation_levels,
        .eps = (float)spec->eps,
        .int8_data_gradient = spec->data_gradient == BIT__DATA_GRADIENT__INT8,
    };
}

/* ---- tensors and shards */

static void set_segments(struct bit_linear *linear, const struct bit_tensor *tensor, bool by_projection)
{
    linear->segment_count = by_projection ? bit_tensor_projections(tensor) : 1;
    for (int s = 0; s < linear->segment_count; s++)
        linear->segment_rows[s] = linear->rows / linear->segment_count;
}

static int read_tensors(struct bit_worker_plan *plan, const Bit__RunSpec *spec)
{
    const bool by_projection = spec->quantizer->granularity == BIT__GRANULARITY__PROJECTION;
    int count = bit_checkpoint_tensors(spec->model, &plan->tensors);

    if (count < 0)
        return count;
    plan->tensor_count = count;
    plan->elements = bit_checkpoint_elements(plan->tensors, count);
    plan->linears = calloc((size_t)plan->layers * BIT_SITES, sizeof *plan->linears);
    if (plan->linears == NULL)
        return bit_fail(-ENOMEM, "plan of %d blocks", plan->layers);
    for (int t = 0; t < count; t++) {
        const struct bit_tensor *tensor = &plan->tensors[t];
        struct bit_linear *linear = &plan->linears[plan->linear_count];

        if (!bit_tensor_is_linear(tensor))
            continue;
        BIT_ASSERT(plan->linear_count < plan->layers * BIT_SITES);
        *linear = (struct bit_linear){
            .tensor = t, .rows = tensor->rows, .cols = tensor->cols, .offset = tensor->offset};
        set_segments(linear, tensor, by_projection);
        plan->linear_elements += tensor->rows * tensor->cols;
        plan->linear_count++;
    }
    BIT_ASSERT(plan->linear_count == plan->layers * BIT_SITES);
    return 0;
}

/* All gradients of a bucket become final together: the embedding's, a block's, an untied head's. A tied head belongs to
 * the embedding's bucket, the first one, whose gradients become final last. */
static int cut_into_buckets(struct bit_worker_plan *plan, int group_size)
{
    const int64_t linear_end = plan->linears[0].offset + plan->linear_elements;
    int64_t *borders = calloc((size_t)plan->layers + 3, sizeof *borders);
    int buckets = 0, err;

    if (borders == NULL)
        return bit_fail(-ENOMEM, "plan of %d blocks", plan->layers);
    for (int l = 0; l < plan->layers; l++)
        borders[++buckets] = plan->linears[l * BIT_SITES].offset;
    borders[++buckets] = linear_end;
    if (plan->elements > linear_end)
        borders[++buckets] = plan->elements;
    err = bit_layout_init(&plan->layout, borders, buckets, group_size);
    free(borders);
    return err;
}

static int64_t elements_in(const struct bit_block_run *run, int64_t begin, int64_t end)
{
    const int64_t first = run->first * BIT_LAYOUT_BLOCK, last = first + run->blocks * BIT_LAYOUT_BLOCK;

    return BIT_MAX(BIT_MIN(last, end) - BIT_MAX(first, begin), 0);
}

/* Counts this rank's elements, and those of them in linears. */
static int count_own(struct bit_worker_plan *plan)
{
    const int64_t linears = plan->linears[0].offset;
    struct bit_block_run *runs = calloc((size_t)bit_layout_runs_max(&plan->layout), sizeof *runs);

    if (runs == NULL)
        return bit_fail(-ENOMEM, "plan of %d blocks", plan->layers);
    const int count = bit_layout_runs(&plan->layout, plan->shard_rank, runs);
    for (int i = 0; i < count; i++) {
        plan->own_elements += elements_in(&runs[i], 0, plan->elements);
        plan->own_linears += elements_in(&runs[i], linears, linears + plan->linear_elements);
    }
    free(runs);
    return 0;
}

int64_t bit_plan_share(const struct bit_worker_plan *plan, int rank, int64_t instances)
{
    return instances > rank ? (instances - rank - 1) / plan->size + 1 : 0;
}

bool bit_plan_int8_data_gradient(const struct bit_worker_plan *plan, const struct bit_linear *linear)
{
    return plan->quantizer.int8_data_gradient && linear->segment_count == 1;
}

void bit_plan_segment(const struct bit_linear *linear, int s, int64_t *offset, int64_t *count)
{
    int64_t rows_before = 0;

    BIT_ASSERT(s >= 0 && s < linear->segment_count);
    for (int i = 0; i < s; i++)
        rows_before += linear->segment_rows[i];
    *offset = linear->offset + rows_before * linear->cols;
    *count = linear->segment_rows[s] * linear->cols;
}

/* ---- memory */

static size_t attention_workspace(const struct bit_worker_plan *plan, int64_t batch)
{
    const int64_t time = plan->context, heads = plan->heads, dim = plan->head_dim;

    if (plan->backend == BIT_BACKEND_CUDA)
        return BIT_MAX(bit_attention_workspace_cuda(batch, time, heads, dim),
                       bit_attention_backward_workspace_cuda(batch, time, heads, dim, plan->deterministic));
    return BIT_MAX(bit_attention_workspace(plan->threads, batch, time, heads, dim),
                   bit_attention_backward_workspace(plan->threads, batch, time, heads, dim));
}

static int64_t linears_workspace(const struct bit_worker_plan *plan, int64_t rows)
{
    size_t most = 0;

    for (int i = 0; i < plan->linear_count; i++) {
        const int64_t n = plan->linears[i].rows, k = plan->linears[i].cols;
        most = BIT_MAX(most, bit_bitlinear_workspace(plan->backend, plan->threads, rows, n, k));
        if (bit_plan_int8_data_gradient(plan, &plan->linears[i]))
            most = BIT_MAX(most, bit_bitlinear_workspace(plan->backend, plan->threads, rows, k, n));
    }
    return (int64_t)most;
}

/* The largest scratch that any operator of the model needs. */
static int64_t workspace_bytes(const struct bit_worker_plan *plan, int64_t micro_instances)
{
    size_t most = BIT_MAX(WORKSPACE_BYTES_MIN, attention_workspace(plan, micro_instances));

    most = BIT_MAX(most, bit_attention_branches_workspace(plan->backend, plan->threads, plan->context, plan->head_dim));
    most = BIT_MAX(most,
                   bit_embed_backward_workspace(plan->backend, micro_instances * plan->context, plan->vocab_padded));
    most = BIT_MAX(most, bit_swiglu_quantise_workspace(plan->backend, plan->hidden, plan->operands));
    most = BIT_MAX(most, bit_matmul_workspace(plan->backend, plan->threads));
    return BIT_MAX((int64_t)most, linears_workspace(plan, micro_instances * plan->context));
}

/* Memory for finding scales (ranks/weight_scales.h): sums for means, a histogram for each segment for medians. */
static int64_t weight_scale_bytes(const struct bit_worker_plan *plan)
{
    int64_t segments = 0;

    for (int i = 0; i < plan->linear_count; i++)
        segments += plan->linears[i].segment_count;
    if (plan->quantizer.weight_measure == BIT_MEASURE_MEDIAN)
        return segments * (BIT_HISTOGRAM_BINS * (int64_t)sizeof(uint32_t) + 64);
    return segments * (BIT_PLAN_PARTS_MAX + 1) * (int64_t)sizeof(double);
}

static int64_t head_rows(const struct bit_worker_plan *plan, int64_t micro_instances)
{
    const int64_t most = plan->backend == BIT_BACKEND_CUDA ? HEAD_ROWS_MAX_CUDA : HEAD_ROWS_MAX;

    return BIT_MIN(most, micro_instances * plan->context);
}

/*
 * As many rows as fit into the memory that training needs for one instance, which every plan has. A context's length
 * always fits, except for models with one tiny block; their arena then grows by a few pages (count_memory).
 */
static void plan_scoring(struct bit_worker_plan *plan)
{
    const int64_t most = plan->backend == BIT_BACKEND_CUDA ? SCORE_ROWS_MAX_CUDA : SCORE_ROWS_MAX;
    int64_t room, scratch, rows = BIT_MAX(most / SCORE_ROWS_UNIT * SCORE_ROWS_UNIT, plan->context);

    plan->head_rows = head_rows(plan, 1);
    plan->score_logits = BIT_MAX(plan->head_rows * (int64_t)bit_dtype_bytes(plan->operands) / 4, 1); /* they are f32 */
    room = bit_arena_bytes(plan, 1);
    scratch = workspace_bytes(plan, 1);
    while (rows > plan->context &&
           (bit_arena_scoring_bytes(plan, rows, plan->score_logits) > room || linears_workspace(plan, rows) > scratch))
        rows = BIT_MAX(rows - SCORE_ROWS_UNIT, plan->context);
    plan->score_rows = rows;
}

/* This rank's master and moments. */
static int64_t state_bytes(const struct bit_worker_plan *plan)
{
    const size_t moments = plan->trains ? 2 * bit_dtype_bytes(plan->moments) : 0;

    return plan->own_elements * (int64_t)(sizeof(float) + moments);
}

static void count_memory(struct bit_worker_plan *plan, int64_t micro_instances)
{
    const int64_t operand = (int64_t)bit_dtype_bytes(plan->operands);
    const bool cuda = plan->backend == BIT_BACKEND_CUDA;
    Bit__MemoryPlan *memory = &plan->memory;

    plan->micro_instances = micro_instances;
    plan->head_rows = head_rows(plan, micro_instances);
    plan->arena_bytes = BIT_MAX(bit_arena_bytes(plan, micro_instances),
                                bit_arena_scoring_bytes(plan, plan->score_rows, plan->score_logits));
    plan->workspace_bytes = workspace_bytes(plan, micro_instances);
    plan->staging_bytes = weight_scale_bytes(plan);
    if (plan->layout.size > 1) /* every rank's codes, two bits each, in whole blocks */
        plan->staging_bytes += plan->linear_elements / 4 + BIT_LAYOUT_BLOCK / 2;
    if (cuda) /* tokens of this step and of the next */
        plan->staging_bytes += 2 * plan->share * plan->context * (int64_t)sizeof(uint32_t);
    if (plan->size > 1) /* the gaps between spans (fabric.h) */
        plan->staging_bytes += plan->layout.size * plan->layout.gap_each * BIT_LAYOUT_BLOCK * (int64_t)sizeof(float);
    if (!cuda && plan->size > 1) /* pieces of gradients in flight (comm.h) */
        plan->staging_bytes += 2 * BIT_PLAN_PIECE_BYTES;

    bit__memory_plan__init(memory);
    memory->weights = (uint64_t)(plan->elements * operand); /* codes are stored in the linears' part */
    memory->gradients = plan->trains ? (uint64_t)(plan->elements * 4) : 0;
    /* with the last step's codes, two bits each */
    memory->optimizer = (uint64_t)(state_bytes(plan) + (plan->own_linears + 3) / 4);
    memory->activations = (uint64_t)plan->arena_bytes;
    memory->workspace = (uint64_t)(plan->workspace_bytes + plan->staging_bytes);
    memory->total = memory->weights + memory->gradients + memory->optimizer + memory->activations + memory->workspace;
    memory->has_recompute = plan->trains;
    memory->recompute = plan->recompute;
}

static int fits(const struct bit_worker_plan *plan)
{
    return plan->memory.total <= (uint64_t)plan->memory_limit;
}

/* The largest divisor of the share that fits, if the specification has 0. */
static int choose_micro(struct bit_worker_plan *plan, int64_t wanted)
{
    const int64_t tokens_max = plan->backend == BIT_BACKEND_CUDA ? MICRO_TOKENS_MAX_CUDA : MICRO_TOKENS_MAX;

    if (wanted > 0) {
        count_memory(plan, wanted);
        return fits(plan);
    }
    for (int64_t micro = plan->share; micro >= 1; micro--) {
        if (plan->share % micro != 0 || (micro > 1 && micro * plan->context > tokens_max))
            continue;
        count_memory(plan, micro);
        if (fits(plan))
            return 1;
    }
    return 0;
}

/* Keeps the operands only if they fit with this micro-batch. */
static void keep_operands_that_fit(struct bit_worker_plan *plan)
{
    plan->recompute = false;
    count_memory(plan, plan->micro_instances);
    if (fits(plan))
        return;
    plan->recompute = true;
    count_memory(plan, plan->micro_instances);
}

/* On a processor products take nearly all of the time, and all ranks and the checkpoints' copies share the memory, so
 * AUTO keeps operands only on a GPU. */
static int choose_memory(struct bit_worker_plan *plan, const Bit__RunSpec *spec)
{
    const Bit__LaunchSpec__Recompute recompute = spec->launch->recompute;

    plan->recompute = !plan->trains || recompute != BIT__LAUNCH_SPEC__RECOMPUTE__NEVER;
    if (!choose_micro(plan, spec->batch->micro_instances))
        return 0;
    if (plan->trains && recompute == BIT__LAUNCH_SPEC__RECOMPUTE__AUTO && plan->backend == BIT_BACKEND_CUDA)
        keep_operands_that_fit(plan);
    return 1;
}

static int refuse(const struct bit_worker_plan *plan)
{
    const double gib = 1 << 30;
    const Bit__MemoryPlan *m = &plan->memory;

    return bit_fail(
        BIT_EMEMORY,
        "rank %d needs %.2f GiB with a micro-batch of %" PRId64 " and may use %.2f: weights %.2f, gradients "
        "%.2f, optimizer %.2f, activations %.2f%s, workspace %.2f",
        plan->rank, (double)m->total / gib, plan->micro_instances, (double)plan->memory_limit / gib,
        (double)m->weights / gib, (double)m->gradients / gib, (double)m->optimizer / gib, (double)m->activations / gib,
        plan->recompute ? "" : " (launch.recompute: NEVER keeps every operand)", (double)m->workspace / gib);
}

/*
 * The checkpoints' copy of master and moments, in the host's memory. It takes what training leaves, and never affects
 * the size of a micro-batch.
 */
static void count_snapshot(struct bit_worker_plan *plan, int local_ranks)
{
    const int64_t bytes = state_bytes(plan);
    const int64_t left = plan->backend == BIT_BACKEND_CUDA ? bit_host_memory_available() / local_ranks
                                                           : plan->memory_limit - (int64_t)plan->memory.total;

    plan->memory.has_snapshot = plan->trains;
    plan->memory.snapshot = plan->trains && bytes <= left ? (uint64_t)bytes : 0;
}

/* The ranks of a machine share its memory; each has its own GPU, and leaves some of it to the libraries. */
static int64_t limit_of(const Bit__LaunchSpec *launch, int local_ranks, int64_t available, enum bit_backend backend)
{
    int64_t limit = backend == BIT_BACKEND_CUDA ? available - BIT_MIN(available, LIBRARIES_BYTES_CUDA)
                                                : available / local_ranks;

    if (launch->memory_gib > 0)
        limit = (int64_t)BIT_MIN((double)limit, launch->memory_gib * (1 << 30));
    return limit;
}

int bit_plan_init(struct bit_worker_plan *plan, const Bit__RunSpec *spec, int rank, int size, int local_ranks,
                  int threads, int64_t available)
{
    struct bit_worker_plan p = {.rank = rank, .size = size, .threads = threads};
    int err;

    BIT_ASSERT(rank >= 0 && rank < size && local_ranks >= 1 && threads >= 1);
    p.trains = !bit_spec_evaluates_only(spec);
    p.backend = spec->launch->backend == BIT__BACKEND__CUDA ? BIT_BACKEND_CUDA : BIT_BACKEND_CPU;
    const bool ramps = spec->phases != NULL && spec->phases->switch_ != NULL && spec->phases->switch_->ramp_steps > 0;
    p.blends = ramps || (spec->eval != NULL && spec->eval->damage);
    p.fuses = spec->launch->fused_products == BIT__FUSION__FUSED_PRODUCTS__AUTO;
    p.instances = spec->batch->instances;
    if (p.instances < 1 || p.instances % size != 0)
        return bit_fail(BIT_ESPEC, "%d ranks do not divide a batch of %" PRId64 " instances", size, p.instances);
    const int group_size = spec->launch->shard_ranks > 0 ? (int)spec->launch->shard_ranks : size;
    if (size % group_size != 0)
        return bit_fail(BIT_ESPEC, "launch.shard_ranks: %d does not divide %d ranks", group_size, size);
    p.shard_rank = rank % group_size;
    read_model(&p, spec->model);
    p.moments = spec->optimizer->moments == BIT__OPERANDS__BF16 ? BIT_BF16 : BIT_F32;
    p.token_bytes = spec->data->dtype;
    p.deterministic = spec->launch->deterministic && p.backend == BIT_BACKEND_CUDA && p.operands == BIT_BF16;
    read_quantizer(&p, spec->quantizer);
    err = read_tensors(&p, spec);
    if (err < 0)
        goto out;
    p.share = p.instances / size;
    err = cut_into_buckets(&p, group_size);
    if (err >= 0)
        err = count_own(&p);
    if (err < 0)
        goto out;
    p.memory_limit = limit_of(spec->launch, local_ranks, available, p.backend);
    p.recompute = true; /* packing must not depend on what training keeps */
    plan_scoring(&p);
    if (!choose_memory(&p, spec)) {
        err = refuse(&p);
        goto out;
    }
    count_snapshot(&p, local_ranks);
    *plan = p;
    return 0;
out:
    bit_plan_finish(&p);
    return err;
}

void bit_plan_finish(struct bit_worker_plan *plan)
{
    free(plan->tensors);
    free(plan->linears);
    bit_layout_finish(&plan->layout);
    memset(plan, 0, sizeof *plan);
}
