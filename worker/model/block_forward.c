/*
 * OLMo's sequential block:
 *     x += attn_out(attention(rope(att_proj(norm(x)))))
 *     x += ff_out(swiglu(ff_proj(norm(x))))
 * The linears bring their norms and the swiglu; the sums onto the residual stream are the products' own. The
 * backward pass needs the stream in front of each norm, so each sum goes to a place of its own.
 */
#include "kernels/attention.h"
#include "kernels/rope.h"
#include "worker/model/block.h"
#include "worker/model/linear.h"

static int rotate(struct bit_model *model, struct bit_block_activations *b, int64_t instances)
{
    const struct bit_plan *plan = model->plan;

    return bit_rope(&model->exec, &(struct bit_rope_args){
                                      .batch = instances,
                                      .time = plan->context,
                                      .heads = plan->heads,
                                      .head_dim = plan->head_dim,
                                      .clip = plan->clip_qkv,
                                      .cos_sin = model->arena->cos_sin,
                                      .qkv = b->qkv,
                                      .dtype = plan->operands,
                                      .mask = b->clip_mask,
                                  });
}

static int attend(struct bit_model *model, struct bit_block_activations *b, int64_t instances)
{
    const struct bit_plan *plan = model->plan;

    return bit_attention(&model->exec, &(struct bit_attention_args){
                                           .batch = instances,
                                           .time = plan->context,
                                           .heads = plan->heads,
                                           .head_dim = plan->head_dim,
                                           .qkv = b->qkv,
                                           .out = b->attention,
                                           .lse = b->lse,
                                           .dtype = plan->operands,
                                       });
}

int bit_block_forward(struct bit_model *model, int l, int64_t instances, float *next)
{
    const enum bit_dtype operands = model->plan->operands;
    struct bit_block_activations *b = &model->arena->blocks[l];
    const int64_t rows = instances * model->plan->context;
    const int first = l * BIT_SITES;
    int err;

    if ((err = bit_linear_forward(model, first + BIT_SITE_ATT_PROJ, &b->input[BIT_SITE_ATT_PROJ], rows, b->qkv,
                                  operands, NULL)) < 0 ||
        (err = rotate(model, b, instances)) < 0 || (err = attend(model, b, instances)) < 0 ||
        (err = bit_linear_forward(model, first + BIT_SITE_ATTN_OUT, &b->input[BIT_SITE_ATTN_OUT], rows, b->x_ff,
                                  BIT_F32, b->x_att)) < 0)
        return err;
    if ((err = bit_linear_forward(model, first + BIT_SITE_FF_PROJ, &b->input[BIT_SITE_FF_PROJ], rows, b->up_gate,
                                  operands, NULL)) < 0 ||
        (err = bit_linear_forward(model, first + BIT_SITE_FF_OUT, &b->input[BIT_SITE_FF_OUT], rows, next, BIT_F32,
                                  b->x_ff)) < 0)
        return err;
    return 0;
}
