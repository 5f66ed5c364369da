/* The block's steps in reverse. arena->dx runs along the residual stream, and dx_operand with it; each half adds what
 * came through its linears. */
#include "kernels/attention.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"
#include "kernels/swiglu_quantise.h"
#include "worker/block.h"
#include "worker/linear.h"

/* dinput, behind ff_out's norm, to up_gate's gradient in up_gate's place. */
static int gated_backward(struct bit_model *model, struct bit_block_activations *b, int64_t rows)
{
    const struct bit_input *in = &b->input[BIT_SITE_FF_OUT];

    return bit_swiglu_norm_backward(&model->exec, &(struct bit_swiglu_norm_backward_args){
                                                      .rows = rows,
                                                      .cols = model->plan->hidden,
                                                      .kind = in->norm,
                                                      .ug = b->up_gate,
                                                      .mean = in->mean,
                                                      .rstd = in->rstd,
                                                      .dn = model->arena->dinput,
                                                      .dug = b->up_gate,
                                                      .dtype = model->plan->operands,
                                                  });
}

/* dinput to up_gate's gradient, likewise. */
static int gate_backward(struct bit_model *model, struct bit_block_activations *b, int64_t rows)
{
    if (b->input[BIT_SITE_FF_OUT].gated)
        return gated_backward(model, b, rows);
    return bit_swiglu_backward(&model->exec, &(struct bit_swiglu_backward_args){
                                                 .rows = rows,
                                                 .cols = model->plan->hidden,
                                                 .ug = b->up_gate,
                                                 .dy = model->arena->dinput,
                                                 .dy_dtype = model->plan->operands,
                                                 .dug = b->up_gate,
                                                 .dtype = model->plan->operands,
                                             });
}

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
        (err = gate_backward(model, b, rows)) < 0 ||
        (err = bit_linear_backward(model, first + BIT_SITE_FF_PROJ, &b->input[BIT_SITE_FF_PROJ], rows, b->up_gate)) < 0)
        return err;
    if ((err = bit_linear_backward(model, first + BIT_SITE_ATTN_OUT, &b->input[BIT_SITE_ATTN_OUT], rows,
                                   a->dx_operand)) < 0 ||
        (err = attend_backward(model, b, instances)) < 0 || (err = rotate_back(model, b, instances)) < 0 ||
        (err = bit_linear_backward(model, first + BIT_SITE_ATT_PROJ, &b->input[BIT_SITE_ATT_PROJ], rows, a->dqkv)) < 0)
        return err;
    return 0;
}
