/*
 * OLMo's sequential block:
 *     x += attn_out(attention(rope(att_proj(norm(x)))))
 *     x += ff_out(swiglu(ff_proj(norm(x))))
 * The norms and the swiglu are part of the linears, and so are the sums onto the residual stream. The backward pass
 * needs the stream before each norm, so each sum is written to a place of its own.
 */
#include "kernels/attention.h"
#include "kernels/rope.h"
#include "worker/model/block.h"
#include "worker/model/linear.h"

static int rotate(struct bit_model *model, struct bit_block_activations *b, int64_t instances)
{
    const struct bit_worker_plan *plan = model->plan;
    const struct bit_rope_args args = {
        .batch = instances,
        .time = plan->context,
        .heads = plan->heads,
        .head_dim = plan->head_dim,
        .clip = plan->clip_qkv,
        .cos_sin = model->arena->cos_sin,
        .qkv = b->qkv,
        .dtype = plan->operands,
        .mask = b->clip_mask,
    };

    return bit_rope(&model->exec, &args);
}

static int attend(struct bit_model *model, struct bit_block_activations *b, int64_t instances)
{
    const struct bit_worker_plan *plan = model->plan;
    const struct bit_attention_args args = {
        .batch = instances,
        .time = plan->context,
        .heads = plan->heads,
        .head_dim = plan->head_dim,
        .qkv = b->qkv,
        .out = b->attention,
        .lse = b->lse,
        .dtype = plan->operands,
    };

    return bit_attention(&model->exec, &args);
}

/* y = a linear of norm(x), in the operands' type. */
static int project(struct bit_model *model, int l, enum bit_site site, int64_t rows, void *y)
{
    struct bit_linear_input *in = &model->arena->blocks[l].input[site];

    return bit_linear_forward(model, l * BIT_SITES + site, in, rows, y, model->plan->operands, NULL);
}

/* The stream after the sum, in f32: sum = x + a linear of what the block computed from x. */
static int add_to_stream(struct bit_model *model, int l, enum bit_site site, int64_t rows, const float *x, float *sum)
{
    struct bit_linear_input *in = &model->arena->blocks[l].input[site];

    return bit_linear_forward(model, l * BIT_SITES + site, in, rows, sum, BIT_F32, x);
}

int bit_block_forward(struct bit_model *model, int l, int64_t instances, float *next)
{
    struct bit_block_activations *b = &model->arena->blocks[l];
    const int64_t rows = instances * model->plan->context;
    int err;

    err = project(model, l, BIT_SITE_ATT_PROJ, rows, b->qkv);
    if (err >= 0)
        err = rotate(model, b, instances);
    if (err >= 0)
        err = attend(model, b, instances);
    if (err >= 0)
        err = add_to_stream(model, l, BIT_SITE_ATTN_OUT, rows, b->x_att, b->x_ff);
    if (err >= 0)
        err = project(model, l, BIT_SITE_FF_PROJ, rows, b->up_gate);
    if (err >= 0)
        err = add_to_stream(model, l, BIT_SITE_FF_OUT, rows, b->x_ff, next);
    return err;
}
