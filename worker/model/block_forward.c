/*
 * OLMo's sequential block:
 *     x += attn_out(attention(rope(att_proj(norm(x)))))
 *     x += ff_out(swiglu(ff_proj(norm(x))))
 * The norms and the swiglu are part of the linears, and so are the sums onto the residual stream. The backward pass
 * needs the stream before each norm, so each sum is written to its own memory.
 */
#include "kernels/attention.h"
#include "kernels/rope.h"
#include "worker/model/block.h"
#include "worker/model/linear.h"

static int rotate(struct bit_model *model, struct bit_block_activations *b, const struct bit_extent *extent)
{
    const struct bit_worker_plan *plan = model->plan;
    const struct bit_rope_args args = {
        .batch = extent->instances,
        .time = extent->time,
        .heads = plan->heads,
        .head_dim = plan->head_dim,
        .clip = plan->clip_qkv,
        .cos_sin = extent->cos_sin,
        .qkv = b->qkv,
        .dtype = plan->operands,
        .mask = b->clip_mask,
    };

    return bit_rope(&model->exec, &args);
}

static int attend_instances(struct bit_model *model, struct bit_block_activations *b, const struct bit_extent *extent)
{
    const struct bit_worker_plan *plan = model->plan;
    const struct bit_attention_args args = {
        .batch = extent->instances,
        .time = extent->time,
        .heads = plan->heads,
        .head_dim = plan->head_dim,
        .qkv = b->qkv,
        .out = b->attention,
        .lse = b->lse,
        .dtype = plan->operands,
    };

    return bit_attention(&model->exec, &args);
}

static int attend_branches(struct bit_model *model, struct bit_block_activations *b, const struct bit_extent *extent)
{
    const struct bit_worker_plan *plan = model->plan;
    const struct bit_attention_branches_args args = {
        .rows = extent->time,
        .heads = plan->heads,
        .head_dim = plan->head_dim,
        .time = extent->branch_time,
        .branches = extent->branches,
        .count = extent->branch_count,
        .qkv = b->qkv,
        .out = b->attention,
        .dtype = plan->operands,
    };

    return bit_attention_branches(&model->exec, &args);
}

static int attend(struct bit_model *model, struct bit_block_activations *b, const struct bit_extent *extent)
{
    return extent->branches != NULL ? attend_branches(model, b, extent) : attend_instances(model, b, extent);
}

/* Fused products are chosen for micro-batches. Packed sequences can be far fewer rows, and have no memory for ff_out's
 * operand while ff_proj's is in use. */
static bool fits_fused(const struct bit_extent *extent)
{
    return extent->branches == NULL;
}

/* y = a linear of norm(x), in the operands' type. */
static int project(struct bit_model *model, int l, enum bit_site site, int64_t rows, void *y)
{
    struct bit_linear_input *in = &model->arena->blocks[l].input[site];

    return bit_linear_forward(model, l * BIT_SITES + site, in, rows, y, model->plan->operands, NULL);
}

/* q, k and v, with q and k rotated. */
static int project_rotated(struct bit_model *model, int l, const struct bit_extent *extent)
{
    struct bit_block_activations *b = &model->arena->blocks[l];
    struct bit_linear_input *in = &b->input[BIT_SITE_ATT_PROJ];
    int err;

    if (fits_fused(extent) && bit_linear_fuses_rope(model, in))
        return bit_linear_forward_rope(model, l * BIT_SITES + BIT_SITE_ATT_PROJ, in, extent->instances, extent->time,
                                       extent->cos_sin, b->qkv);
    err = project(model, l, BIT_SITE_ATT_PROJ, extent->instances * extent->time, b->qkv);
    return err < 0 ? err : rotate(model, b, extent);
}

/* The stream after the sum: sum = x + a linear of what the block computed from x. */
static int add_to_stream(struct bit_model *model, int l, enum bit_site site, int64_t rows, const void *x, void *sum)
{
    struct bit_linear_input *in = &model->arena->blocks[l].input[site];

    return bit_linear_forward(model, l * BIT_SITES + site, in, rows, sum, model->arena->stream, x);
}

/* The block's second half, from x_ff to next. */
static int feed_forward(struct bit_model *model, int l, const struct bit_extent *extent, void *next)
{
    struct bit_block_activations *b = &model->arena->blocks[l];
    struct bit_linear_input *proj = &b->input[BIT_SITE_FF_PROJ], *out = &b->input[BIT_SITE_FF_OUT];
    const int64_t rows = extent->instances * extent->time;
    int err;

    if (fits_fused(extent) && bit_linear_fuses_swiglu(model, proj, out))
        return bit_linear_forward_swiglu(model, l * BIT_SITES + BIT_SITE_FF_PROJ, proj, out, rows, next, b->x_ff);
    err = project(model, l, BIT_SITE_FF_PROJ, rows, b->up_gate);
    return err < 0 ? err : add_to_stream(model, l, BIT_SITE_FF_OUT, rows, b->x_ff, next);
}

int bit_block_forward(struct bit_model *model, int l, const struct bit_extent *extent, void *next)
{
    struct bit_block_activations *b = &model->arena->blocks[l];
    const int64_t rows = extent->instances * extent->time;
    int err;

    err = project_rotated(model, l, extent);
    if (err >= 0)
        err = attend(model, b, extent);
    if (err >= 0)
        err = add_to_stream(model, l, BIT_SITE_ATTN_OUT, rows, b->x_att, b->x_ff);
    return err < 0 ? err : feed_forward(model, l, extent, next);
}
