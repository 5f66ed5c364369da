/*
 * The block's steps in reverse. arena->dx is the gradient of the residual stream, dx_operand the same in the operands'
 * type; FF_PROJ and ATT_PROJ add the gradient of their half of the block to both.
 */
#include "kernels/attention.h"
#include "kernels/rope.h"
#include "worker/model/block.h"
#include "worker/model/linear.h"

static int attend_backward(struct bit_model *model, struct bit_block_activations *b, int64_t instances)
{
    const struct bit_worker_plan *plan = model->plan;
    const struct bit_attention_backward_args args = {
        .batch = instances,
        .time = plan->context,
        .heads = plan->heads,
        .head_dim = plan->head_dim,
        .qkv = b->qkv,
        .out = b->attention,
        .dout = model->arena->dinput,
        .lse = b->lse,
        .dqkv = model->arena->dqkv,
        .dtype = plan->operands,
    };

    return bit_attention_backward(&model->exec, &args);
}

static int rotate_back(struct bit_model *model, struct bit_block_activations *b, int64_t instances)
{
    const struct bit_worker_plan *plan = model->plan;
    const struct bit_rope_backward_args args = {
        .batch = instances,
        .time = plan->context,
        .heads = plan->heads,
        .head_dim = plan->head_dim,
        .cos_sin = model->arena->cos_sin,
        .dqkv = model->arena->dqkv,
        .dtype = plan->operands,
        .mask = b->clip_mask,
    };

    return bit_rope_backward(&model->exec, &args);
}

static int linear_backward(struct bit_model *model, int l, enum bit_site site, int64_t rows, const void *dy)
{
    const struct bit_linear_input *in = &model->arena->blocks[l].input[site];

    return bit_linear_backward(model, l * BIT_SITES + site, in, rows, dy);
}

int bit_block_backward(struct bit_model *model, int l, int64_t instances)
{
    struct bit_arena *a = model->arena;
    struct bit_block_activations *b = &a->blocks[l];
    const int64_t rows = instances * model->plan->context;
    int err;

    err = linear_backward(model, l, BIT_SITE_FF_OUT, rows, a->dx_operand);
    if (err >= 0)
        err = linear_backward(model, l, BIT_SITE_FF_PROJ, rows, b->up_gate); /* now the gradient of up and gate */
    if (err >= 0)
        err = linear_backward(model, l, BIT_SITE_ATTN_OUT, rows, a->dx_operand);
    if (err >= 0)
        err = attend_backward(model, b, instances);
    if (err >= 0)
        err = rotate_back(model, b, instances);
    if (err >= 0)
        err = linear_backward(model, l, BIT_SITE_ATT_PROJ, rows, a->dqkv);
    return err;
}
