/*
 * The whole logits matrix is never in memory: positions go through the head in chunks, and the gradient overwrites the
 * logits. All padded columns take part in the softmax, as in OLMo. If tied, the head is the embedding, and both add to
 * one gradient.
 */
#include "worker/model/head.h"

#include "kernels/cast.h"
#include "kernels/embed.h"
#include "kernels/matmul.h"
#include "kernels/norm.h"
#include "kernels/sum.h"
#include "kernels/targets.h"
#include "kernels/xent.h"
#include "proto/check.h"
#include "worker/model/activations.h"

static int64_t head_offset(const struct bit_worker_plan *plan)
{
    return plan->tied ? plan->tensors[0].offset : plan->tensors[plan->tensor_count - 1].offset;
}

const void *bit_head_weights(const struct bit_model *model)
{
    return bit_model_weight(model, head_offset(model->plan));
}

static void *operand_at(void *base, int64_t index, enum bit_dtype dtype)
{
    return (uint8_t *)base + index * (int64_t)bit_dtype_bytes(dtype);
}

int bit_head_embed(struct bit_model *model, const uint32_t *tokens, int64_t rows, void *x)
{
    const struct bit_worker_plan *plan = model->plan;
    const struct bit_embed_args args = {
        .rows = rows,
        .cols = plan->width,
        .vocab = plan->vocab_padded,
        .ids = tokens,
        .table = bit_model_weight(model, plan->tensors[0].offset),
        .table_dtype = plan->operands,
        .y = x,
        .y_dtype = model->arena->stream,
    };

    return bit_embed(&model->exec, &args);
}

int bit_head_embed_backward(struct bit_model *model, const uint32_t *tokens, int64_t instances)
{
    const struct bit_worker_plan *plan = model->plan;
    const struct bit_embed_backward_args args = {
        .rows = instances * plan->context,
        .cols = plan->width,
        .vocab = plan->vocab_padded,
        .ids = tokens,
        .dy = model->arena->dx,
        .dy_dtype = model->arena->stream,
        .dtable = model->grad + plan->tensors[0].offset,
    };

    return bit_embed_backward(&model->exec, &args);
}

static int final_norm(struct bit_model *model, int64_t rows)
{
    struct bit_arena *a = model->arena;
    const struct bit_norm_args args = {
        .rows = rows,
        .cols = model->plan->width,
        .kind = BIT_NORM_LAYER,
        .eps = model->plan->norm_eps,
        .x = a->x_final,
        .x_dtype = a->stream,
        .y = a->final,
        .y_dtype = model->plan->operands,
        .mean = a->final_mean,
        .rstd = a->final_rstd,
    };

    return bit_norm(&model->exec, &args);
}

/* Reads the chunk's gradient at the final norm's output, (rows, D), from final_dinput; dx overwrites x_final. */
static int final_norm_backward(struct bit_model *model, int64_t first, int64_t rows)
{
    const int64_t at = first * model->plan->width;
    struct bit_arena *a = model->arena;
    const struct bit_norm_backward_args args = {
        .rows = rows,
        .cols = model->plan->width,
        .kind = BIT_NORM_LAYER,
        .x = operand_at(a->x_final, at, a->stream),
        .x_dtype = a->stream,
        .mean = a->final_mean + first,
        .rstd = a->final_rstd + first,
        .var_factor = 1,
        .dy = a->final_dinput,
        .dy_dtype = model->plan->operands,
        .dx = operand_at(a->dx, at, a->stream),
        .dx_dtype = a->stream,
        .copy = a->dx_operand != a->dx ? operand_at(a->dx_operand, at, model->plan->operands) : NULL,
        .copy_dtype = model->plan->operands,
    };

    return bit_norm_backward(&model->exec, &args);
}

static int set_targets(struct bit_model *model, int64_t instances)
{
    const struct bit_targets_args args = {
        .batch = instances,
        .time = model->plan->context,
        .ids = model->arena->tokens,
        .target = model->arena->target,
    };

    return bit_targets(&model->exec, &args);
}

static int chunk_logits(struct bit_model *model, int64_t first, int64_t rows)
{
    const struct bit_worker_plan *plan = model->plan;
    struct bit_arena *a = model->arena;
    const struct bit_matmul_args args = {
        .form = BIT_MATMUL_NT,
        .m = rows,
        .n = plan->vocab_padded,
        .k = plan->width,
        .a = operand_at(a->final, first * plan->width, plan->operands),
        .b = bit_head_weights(model),
        .ab_dtype = plan->operands,
        .c = a->logits,
        .c_dtype = plan->operands,
    };

    return bit_matmul(&model->exec, &args);
}

/* grad_scale 0: the loss alone. */
static int chunk_loss(struct bit_model *model, int64_t first, int64_t rows, double grad_scale)
{
    const struct bit_worker_plan *plan = model->plan;
    struct bit_arena *a = model->arena;
    const struct bit_xent_args args = {
        .rows = rows,
        .vocab = plan->vocab_padded,
        .logits = a->logits,
        .logits_dtype = plan->operands,
        .target = a->target + first,
        .loss = a->loss + first,
        .grad = grad_scale > 0 ? a->logits : NULL,
        .grad_dtype = plan->operands,
        .grad_scale = (float)grad_scale,
    };

    return bit_xent(&model->exec, &args);
}

static int chunk_weight_gradient(struct bit_model *model, int64_t first, int64_t rows)
{
    const struct bit_worker_plan *plan = model->plan;
    struct bit_arena *a = model->arena;
    const struct bit_matmul_args args = {
        .form = BIT_MATMUL_TN,
        .m = plan->vocab_padded,
        .n = plan->width,
        .k = rows,
        .a = a->logits,
        .b = operand_at(a->final, first * plan->width, plan->operands),
        .ab_dtype = plan->operands,
        .c = model->grad + head_offset(plan),
        .c_dtype = BIT_F32,
        .addend = model->grad + head_offset(plan),
    };

    return bit_matmul(&model->exec, &args);
}

/* This chunk's gradient at the final norm's output. */
static int chunk_input_gradient(struct bit_model *model, int64_t rows)
{
    const struct bit_worker_plan *plan = model->plan;
    struct bit_arena *a = model->arena;
    const struct bit_matmul_args args = {
        .form = BIT_MATMUL_NN,
        .m = rows,
        .n = plan->width,
        .k = plan->vocab_padded,
        .a = a->logits,
        .b = bit_model_weight(model, head_offset(plan)),
        .ab_dtype = plan->operands,
        .c = a->final_dinput,
        .c_dtype = plan->operands,
    };

    return bit_matmul(&model->exec, &args);
}

static int add_losses(struct bit_model *model, int64_t rows)
{
    const struct bit_arena *a = model->arena;
    const struct bit_sum_args args = {.count = rows, .x = a->loss, .sum = a->loss_sum};

    return bit_sum(&model->exec, &args);
}

static int chunk_gradients(struct bit_model *model, int64_t first, int64_t rows)
{
    int err;

    err = chunk_weight_gradient(model, first, rows);
    if (err >= 0)
        err = chunk_input_gradient(model, rows);
    if (err >= 0)
        err = final_norm_backward(model, first, rows);
    return err;
}

/* grad_scale 0: the loss alone. */
static int loss_in_chunks(struct bit_model *model, int64_t instances, double grad_scale)
{
    const struct bit_worker_plan *plan = model->plan;
    const int64_t rows = instances * plan->context;
    int err;

    err = final_norm(model, rows);
    if (err >= 0)
        err = set_targets(model, instances);
    for (int64_t first = 0; err >= 0 && first < rows; first += plan->head_rows) {
        const int64_t chunk = BIT_MIN(plan->head_rows, rows - first);

        err = chunk_logits(model, first, chunk);
        if (err >= 0)
            err = chunk_loss(model, first, chunk, grad_scale);
        if (err >= 0 && grad_scale > 0)
            err = chunk_gradients(model, first, chunk);
    }
    return err < 0 ? err : add_losses(model, rows);
}

int bit_head_loss(struct bit_model *model, int64_t instances)
{
    return loss_in_chunks(model, instances, 0);
}

int bit_head_loss_backward(struct bit_model *model, int64_t instances, double grad_scale)
{
    return loss_in_chunks(model, instances, grad_scale);
}

static int copy_logits(struct bit_model *model, int64_t first, int64_t rows, float *logits)
{
    const struct bit_worker_plan *plan = model->plan;
    const struct bit_cast_args args = {
        .count = rows * plan->vocab_padded,
        .x = model->arena->logits,
        .x_dtype = plan->operands,
        .y = logits + first * plan->vocab_padded,
        .y_dtype = BIT_F32,
        .scale = 1.0f,
    };

    return bit_cast(&model->exec, &args);
}

int bit_head_logits(struct bit_model *model, int64_t instances, float *logits)
{
    const struct bit_worker_plan *plan = model->plan;
    const int64_t rows = instances * plan->context;
    int err = final_norm(model, rows);

    for (int64_t first = 0; err >= 0 && first < rows; first += plan->head_rows) {
        const int64_t chunk = BIT_MIN(plan->head_rows, rows - first);

        err = chunk_logits(model, first, chunk);
        if (err >= 0)
            err = copy_logits(model, first, chunk, logits);
    }
    return err;
}
