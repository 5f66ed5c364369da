#include "worker/model/linear.h"

#include "kernels/matmul.h"
#include "kernels/matmul_rope.h"
#include "kernels/matmul_swiglu.h"
#include "kernels/quantise.h"
#include "kernels/swiglu.h"
#include "kernels/swiglu_quantise.h"
#include "kernels/transpose.h"
#include "proto/check.h"

/* Floor of a row's largest gradient. Gradients are small: it only guards against rows of zeros. */
#define GRADIENT_EPS 1e-30f

int bit_model_turn_codes(struct bit_model *model, int64_t begin, int64_t end)
{
    int err = 0;

    for (int i = 0; i < model->plan->linear_count && err >= 0; i++) {
        const struct bit_linear *linear = &model->plan->linears[i];
        if (linear->offset < begin || linear->offset >= end)
            continue;
        const struct bit_transpose_args args = {
            .rows = linear->rows,
            .cols = linear->cols,
            .x = bit_model_codes(model, linear->offset),
            .y = bit_model_turned_codes(model, linear),
        };

        if (bit_plan_int8_data_gradient(model->plan, linear))
            err = bit_transpose(&model->exec, &args);
    }
    return err;
}

/* The weights that the ternary phase's products use. */
static const void *ternary_weight(const struct bit_model *model, const struct bit_linear *linear, enum bit_dtype *dtype)
{
    if (model->arena->mode == BIT_MODE_TERNARY) {
        *dtype = BIT_I8;
        return bit_model_codes(model, linear->offset);
    }
    *dtype = model->plan->operands;
    return bit_model_weight(model, linear->offset);
}

/* ---- forward */

static int normalise(struct bit_model *model, struct bit_linear_input *in, int64_t rows, int64_t cols)
{
    const struct bit_norm_args args = {
        .rows = rows,
        .cols = cols,
        .kind = in->norm,
        .eps = in->norm_eps,
        .x = in->x,
        .x_dtype = in->x_dtype,
        .y = in->operand,
        .y_dtype = in->operand_dtype,
        .mean = in->mean,
        .rstd = in->rstd,
    };

    return bit_norm(&model->exec, &args);
}

static int quantise(struct bit_model *model, struct bit_linear_input *in, int64_t rows, int64_t cols)
{
    const struct bit_plan_quantizer *quantizer = &model->plan->quantizer;
    const struct bit_quantise_args args = {
        .rows = rows,
        .cols = cols,
        .kind = in->norm,
        .var_factor = in->norm_var_factor,
        .norm_eps = in->norm_eps,
        .measure = quantizer->activation_measure,
        .levels = quantizer->levels,
        .eps = quantizer->eps,
        .strength = model->strength,
        .x = in->x,
        .x_dtype = in->x_dtype,
        .q = in->operand,
        .q_dtype = in->operand_dtype,
        .scale = in->scale,
        .mean = in->mean,
        .rstd = in->rstd,
        .operand = in->kept,
        .operand_dtype = model->plan->operands,
    };

    return bit_quantise(&model->exec, &args);
}

static int quantise_gated(struct bit_model *model, struct bit_linear_input *in, int64_t rows, int64_t cols)
{
    const struct bit_plan_quantizer *quantizer = &model->plan->quantizer;
    const struct bit_swiglu_quantise_args args = {
        .rows = rows,
        .cols = cols,
        .kind = in->norm,
        .norm_eps = in->norm_eps,
        .measure = quantizer->activation_measure,
        .levels = quantizer->levels,
        .eps = quantizer->eps,
        .strength = model->strength,
        .ug = in->x,
        .dtype = in->x_dtype,
        .q = in->operand,
        .q_dtype = in->operand_dtype,
        .scale = in->scale,
        .mean = in->mean,
        .rstd = in->rstd,
        .operand = in->kept,
    };

    return bit_swiglu_quantise(&model->exec, &args);
}

static int gate(struct bit_model *model, const struct bit_linear_input *in, int64_t rows, int64_t cols)
{
    const struct bit_swiglu_args args = {
        .rows = rows,
        .cols = cols,
        .ug = in->x,
        .y = in->operand,
        .dtype = in->x_dtype,
    };

    return bit_swiglu(&model->exec, &args);
}

static int product_16bit(struct bit_model *model, const struct bit_linear *linear, const void *operand, int64_t rows,
                         void *y, enum bit_dtype y_dtype, const void *addend)
{
    const struct bit_matmul_args args = {
        .form = BIT_MATMUL_NT,
        .m = rows,
        .n = linear->rows,
        .k = linear->cols,
        .a = operand,
        .b = bit_model_weight(model, linear->offset),
        .ab_dtype = model->plan->operands,
        .c = y,
        .c_dtype = y_dtype,
        .addend = addend,
    };

    return bit_matmul(&model->exec, &args);
}

static int product_ternary(struct bit_model *model, int index, const struct bit_linear_input *in, int64_t rows, void *y,
                           enum bit_dtype y_dtype, const void *addend)
{
    const struct bit_linear *linear = &model->plan->linears[index];
    struct bit_bitlinear_args args = {
        .m = rows,
        .n = linear->rows,
        .k = linear->cols,
        .q = in->operand,
        .x_scale = in->scale,
        .segments = model->segments[index],
        .y = y,
        .y_dtype = y_dtype,
        .addend = addend,
    };

    args.w = ternary_weight(model, linear, &args.qw_dtype);
    BIT_ASSERT(args.qw_dtype == in->operand_dtype);
    return bit_bitlinear(&model->exec, &args);
}

int bit_linear_forward(struct bit_model *model, int index, struct bit_linear_input *in, int64_t rows, void *y,
                       enum bit_dtype y_dtype, const void *addend)
{
    const struct bit_linear *linear = &model->plan->linears[index];
    int err = 0;

    if (in->mode != BIT_MODE_16BIT) {
        err = in->gated ? quantise_gated(model, in, rows, linear->cols) : quantise(model, in, rows, linear->cols);
        return err < 0 ? err : product_ternary(model, index, in, rows, y, y_dtype, addend);
    }
    if (in->gated)
        err = gate(model, in, rows, linear->cols);
    else if (in->norm != BIT_NORM_NONE)
        err = normalise(model, in, rows, linear->cols);
    return err < 0 ? err : product_16bit(model, linear, in->operand, rows, y, y_dtype, addend);
}

/* ---- forward, fused with the next operator */

bool bit_linear_fuses_rope(const struct bit_model *model, const struct bit_linear_input *in)
{
    return model->fused[BIT_FUSED_ROPE] && in->mode == BIT_MODE_16BIT;
}

int bit_linear_forward_rope(struct bit_model *model, int index, struct bit_linear_input *in, int64_t instances,
                            int64_t time, const float *cos_sin, void *qkv)
{
    const struct bit_linear *linear = &model->plan->linears[index];
    const struct bit_matmul_rope_args args = {
        .batch = instances,
        .time = time,
        .heads = model->plan->heads,
        .head_dim = model->plan->head_dim,
        .k = linear->cols,
        .x = in->operand,
        .w = bit_model_weight(model, linear->offset),
        .cos_sin = cos_sin,
        .qkv = qkv,
    };
    int err = normalise(model, in, instances * time, linear->cols);

    return err < 0 ? err : bit_matmul_rope(&model->exec, &args);
}

bool bit_linear_fuses_swiglu(const struct bit_model *model, const struct bit_linear_input *proj,
                             const struct bit_linear_input *out)
{
    return model->fused[BIT_FUSED_SWIGLU] && proj->mode == BIT_MODE_16BIT && out->mode == BIT_MODE_16BIT;
}

int bit_linear_forward_swiglu(struct bit_model *model, int index, struct bit_linear_input *proj,
                              struct bit_linear_input *out, int64_t rows, void *y, const void *addend)
{
    const struct bit_linear *linear = &model->plan->linears[index];
    /* Operands that are not kept share memory: that of ff_proj is read while that of ff_out is written. */
    void *operand = out->kept != NULL ? out->operand : model->arena->dinput;
    const struct bit_matmul_swiglu_args args = {
        .m = rows,
        .n = linear->rows / 2,
        .k = linear->cols,
        .x = proj->operand,
        .w = bit_model_weight(model, linear->offset),
        .ug = out->x,
        .y = operand,
    };
    int err = normalise(model, proj, rows, linear->cols);

    if (err >= 0)
        err = bit_matmul_swiglu(&model->exec, &args);
    return err < 0
               ? err
               : product_16bit(model, &model->plan->linears[index + 1], operand, rows, y, model->arena->stream, addend);
}

/* ---- backward */

/*
 * First the gradient at the operand; then back through what made the operand, which recomputes it unless it was kept;
 * then the weight's gradient from the operand. Straight-through rounding: the products are those of the forward pass,
 * transposed, with the operands that it multiplied.
 */

static int data_16bit(struct bit_model *model, const struct bit_linear *linear, int64_t rows, const void *dy)
{
    const enum bit_dtype operands = model->plan->operands;
    const struct bit_matmul_args args = {
        .form = BIT_MATMUL_NN,
        .m = rows,
        .n = linear->cols,
        .k = linear->rows,
        .a = dy,
        .b = bit_model_weight(model, linear->offset),
        .ab_dtype = operands,
        .c = model->arena->dinput,
        .c_dtype = operands,
    };

    return bit_matmul(&model->exec, &args);
}

static int data_ternary(struct bit_model *model, int index, int64_t rows, const void *dy)
{
    const struct bit_linear *linear = &model->plan->linears[index];
    const enum bit_dtype operands = model->plan->operands;
    struct bit_bitlinear_backward_data_args args = {
        .m = rows,
        .n = linear->rows,
        .k = linear->cols,
        .dy = dy,
        .dy_dtype = operands,
        .segments = model->segments[index],
        .dn = model->arena->dinput,
        .dn_dtype = operands,
    };

    args.w = ternary_weight(model, linear, &args.w_dtype);
    return bit_bitlinear_backward_data(&model->exec, &args);
}

/* dy's codes are in the memory where the operand will be recomputed. Their scales are symmetric: no code is -128. */
static int quantise_gradient(struct bit_model *model, const struct bit_linear *linear, int64_t rows, const void *dy)
{
    const struct bit_quantise_args args = {
        .rows = rows,
        .cols = linear->rows,
        .kind = BIT_NORM_NONE,
        .measure = BIT_MEASURE_ABSMAX,
        .levels = 127,
        .eps = GRADIENT_EPS,
        .strength = 1,
        .x = dy,
        .x_dtype = model->plan->operands,
        .q = model->arena->operand,
        .q_dtype = BIT_I8,
        .scale = model->arena->gradient_scale,
    };

    return bit_quantise(&model->exec, &args);
}

static int data_int8(struct bit_model *model, int index, int64_t rows, const void *dy)
{
    const struct bit_linear *linear = &model->plan->linears[index];
    const struct bit_bitlinear_args args = {
        .m = rows,
        .n = linear->cols,
        .k = linear->rows,
        .q = model->arena->operand,
        .w = bit_model_turned_codes(model, linear),
        .qw_dtype = BIT_I8,
        .x_scale = model->arena->gradient_scale,
        .segments = {.count = 1, .rows = {linear->cols}, .scale = model->segments[index].scale},
        .y = model->arena->dinput,
        .y_dtype = model->plan->operands,
    };
    int err = quantise_gradient(model, linear, rows, dy);

    return err < 0 ? err : bit_bitlinear(&model->exec, &args);
}

/* Recompute the operand if it is not kept. In the 16-bit phase it has no scale. */
static struct bit_operand operand_again(const struct bit_model *model, const struct bit_linear_input *in)
{
    return (struct bit_operand){
        .to = in->kept != NULL ? NULL : in->operand,
        .dtype = model->plan->operands,
        .scale = in->scale,
        .strength = model->strength,
    };
}

/* dinput holds the gradient at the norm's output, and then the one at its input. */
static int norm_backward(struct bit_model *model, const struct bit_linear_input *in, int64_t rows, int64_t cols)
{
    struct bit_arena *a = model->arena;
    const struct bit_norm_backward_args args = {
        .rows = rows,
        .cols = cols,
        .kind = in->norm,
        .x = in->x,
        .x_dtype = in->x_dtype,
        .mean = in->mean,
        .rstd = in->rstd,
        .var_factor = in->norm_var_factor,
        .dy = a->dinput,
        .dy_dtype = model->plan->operands,
        .dx = in->residual ? a->dx : a->dinput,
        .dx_dtype = in->residual ? a->stream : model->plan->operands,
        .accumulate = in->residual,
        .copy = in->residual && a->dx_operand != a->dx ? a->dx_operand : NULL,
        .copy_dtype = model->plan->operands,
        .operand = operand_again(model, in),
    };

    return bit_norm_backward(&model->exec, &args);
}

/* The gradient of up and gate overwrites them. */
static int gate_backward(struct bit_model *model, const struct bit_linear_input *in, int64_t rows, int64_t cols)
{
    const struct bit_swiglu_backward_args args = {
        .rows = rows,
        .cols = cols,
        .ug = in->x,
        .dy = model->arena->dinput,
        .dy_dtype = model->plan->operands,
        .dug = in->x,
        .dtype = in->x_dtype,
        .y = operand_again(model, in).to,
    };

    return bit_swiglu_backward(&model->exec, &args);
}

/* Likewise, through the norm of their swiglu first. */
static int gate_norm_backward(struct bit_model *model, const struct bit_linear_input *in, int64_t rows, int64_t cols)
{
    const struct bit_swiglu_norm_backward_args args = {
        .rows = rows,
        .cols = cols,
        .kind = in->norm,
        .ug = in->x,
        .mean = in->mean,
        .rstd = in->rstd,
        .dn = model->arena->dinput,
        .dug = in->x,
        .dtype = in->x_dtype,
        .operand = operand_again(model, in),
    };

    return bit_swiglu_norm_backward(&model->exec, &args);
}

static int input_backward(struct bit_model *model, const struct bit_linear_input *in, int64_t rows, int64_t cols)
{
    const bool is_16bit = model->arena->mode == BIT_MODE_16BIT;

    if (in->gated)
        return is_16bit ? gate_backward(model, in, rows, cols) : gate_norm_backward(model, in, rows, cols);
    if (in->kept != NULL && in->norm == BIT_NORM_NONE)
        return 0; /* the gradient at the operand is the one at x */
    return norm_backward(model, in, rows, cols);
}

/* The gradient at the operand, and from it the gradient of up and gate, in one kernel. An operand that is not kept is
 * recomputed before its gradient overwrites up and gate. */
static int data_and_gate_backward(struct bit_model *model, const struct bit_linear *linear,
                                  const struct bit_linear_input *in, int64_t rows, const void *dy)
{
    const struct bit_matmul_swiglu_backward_args args = {
        .m = rows,
        .n = linear->cols,
        .k = linear->rows,
        .dy = dy,
        .w = bit_model_weight(model, linear->offset),
        .ug = in->x,
        .dug = in->x,
    };
    int err = in->kept != NULL ? 0 : gate(model, in, rows, linear->cols);

    return err < 0 ? err : bit_matmul_swiglu_backward(&model->exec, &args);
}

static int weight_gradient(struct bit_model *model, const struct bit_linear *linear, const struct bit_linear_input *in,
                           int64_t rows, const void *dy)
{
    const struct bit_matmul_args args = {
        .form = BIT_MATMUL_TN,
        .m = linear->rows,
        .n = linear->cols,
        .k = rows,
        .a = dy,
        .b = in->kept != NULL ? in->kept : in->operand,
        .ab_dtype = model->plan->operands,
        .c = model->grad + linear->offset,
        .c_dtype = BIT_F32,
        .addend = model->grad + linear->offset,
    };

    return bit_matmul(&model->exec, &args);
}

static int data_gradient(struct bit_model *model, int index, int64_t rows, const void *dy)
{
    const struct bit_linear *linear = &model->plan->linears[index];

    if (model->arena->mode == BIT_MODE_16BIT)
        return data_16bit(model, linear, rows, dy);
    if (model->arena->mode == BIT_MODE_TERNARY && bit_plan_int8_data_gradient(model->plan, linear))
        return data_int8(model, index, rows, dy);
    return data_ternary(model, index, rows, dy);
}

int bit_linear_backward(struct bit_model *model, int index, const struct bit_linear_input *in, int64_t rows,
                        const void *dy)
{
    const struct bit_linear *linear = &model->plan->linears[index];
    int err;

    if (model->fused[BIT_FUSED_SWIGLU_BACKWARD] && model->arena->mode == BIT_MODE_16BIT && in->gated) {
        err = data_and_gate_backward(model, linear, in, rows, dy);
    } else {
        err = data_gradient(model, index, rows, dy);
        if (err >= 0)
            err = input_backward(model, in, rows, linear->cols);
    }
    return err < 0 ? err : weight_gradient(model, linear, in, rows, dy);
}
