/* The block's steps in reverse. arena->dx runs along the residual stream, and dx_operand with it; each half adds what
 * came through its linears. */
#include "kernels/attention.h"
#include "kernels/rope.h"
#include "worker/model/block.h"
#include "worker/model/linear.h"

static int attend_backward(struct bit_model *model, struct bit_block_activations *b, int64_t instances)
{
    const struct bit_plan *plan = model->plan;

    return bit_attention_backward(&model->exec, &(struct bit_attention_backward_args){
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
                                                });
}

static int rotate_back(struct bit_model *model, struct bit_block_activations *b, int64_t instances)
{
    const struct bit_plan *plan = model->plan;

    return bit_rope_backward(&model->exec, &(struct bit_rope_backward_args){
                                               .batch = instances,
                                               .time = plan->context,
                                               .heads = plan->heads,
                                               .head_dim = plan->head_dim,
                                               .cos_sin = model->arena->cos_sin,
                                               .dqkv = model->arena->dqkv,
                                               .dtype = plan->operands,
                                               .mask = b->clip_mask,
                                           });
}

int bit_block_backward(struct bit_model *model, int l, int64_t instances)
{
    struct bit_arena *a = model->arena;
    struct bit_block_activations *b = &a->blocks[l];
    const int64_t rows = instances * model->plan->context;
    const int first = l * BIT_SITES;
    int err;

    if ((err = bit_linear_backward(model, first + BIT_SITE_FF_OUT, &b->input[BIT_SITE_FF_OUT], rows, a->dx_operand)) <
            0 ||
        (err = bit_linear_backward(model, first + BIT_SITE_FF_PROJ, &b->input[BIT_SITE_FF_PROJ], rows, b->up_gate)) < 0)
        return err;
    if ((err = bit_linear_backward(model, first + BIT_SITE_ATTN_OUT, &b->input[BIT_SITE_ATTN_OUT], rows,
                                   a->dx_operand)) < 0 ||
        (err = attend_backward(model, b, instances)) < 0 || (err = rotate_back(model, b, instances)) < 0 ||
        (err = bit_linear_backward(model, first + BIT_SITE_ATT_PROJ, &b->input[BIT_SITE_ATT_PROJ], rows, a->dqkv)) < 0)
        return err;
    return 0;
}
