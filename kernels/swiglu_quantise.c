/* SwiGLU to codes and back: checks of its arguments, its scratch memory, and the operators that it fuses. */
#include "kernels/swiglu_quantise.h"

#include "kernels/args.h"
#include "kernels/swiglu_quantise_parts.h"

static int check(const char *name, int64_t rows, int64_t cols, enum bit_norm_kind kind, const float *mean,
                 const float *rstd, enum bit_dtype dtype)
{
    int err = bit_check_shape(name, rows, cols);

    if (err < 0)
        return err;
    if (kind != BIT_NORM_NONE && (mean == NULL || rstd == NULL))
        return bit_fail(-EINVAL, "%s: a norm needs buffers for mean and rstd", name);
    return bit_check_float(name, dtype);
}

int bit_swiglu_quantise_check(const struct bit_swiglu_quantise_args *args)
{
    if (args->q_dtype == BIT_I8 && args->strength != 1)
        return bit_fail(-EINVAL, "int8 codes exist at strength 1 only, not at %g", (double)args->strength);
    return check("swiglu_quantise", args->rows, args->cols, args->kind, args->mean, args->rstd, args->dtype);
}

int bit_swiglu_norm_backward_check(const struct bit_swiglu_norm_backward_args *args)
{
    int err = check("swiglu_norm_backward", args->rows, args->cols, args->kind, args->mean, args->rstd, args->dtype);

    return err < 0 ? err : bit_operand_check("swiglu_norm_backward", &args->operand);
}

/* A processor's block of y and of its gradient; a GPU needs no scratch for them. */
size_t bit_swiglu_quantise_workspace(enum bit_backend backend, int64_t cols, enum bit_dtype dtype)
{
    return backend == BIT_BACKEND_CPU ? 2 * (size_t)(BIT_SWIGLU_QUANTISE_ROWS * cols) * bit_dtype_bytes(dtype) : 0;
}

/* ---- the parts */

/* The address of row `first` in a matrix with `cols` columns. */
static const void *rows_from(const void *base, enum bit_dtype dtype, int64_t first, int64_t cols)
{
    return (const uint8_t *)base + first * cols * (int64_t)bit_dtype_bytes(dtype);
}

static void *rows_to(void *base, enum bit_dtype dtype, int64_t first, int64_t cols)
{
    return (uint8_t *)base + first * cols * (int64_t)bit_dtype_bytes(dtype);
}

static struct bit_swiglu_args y_of(const void *ug, int64_t cols, enum bit_dtype dtype, int64_t first, int64_t rows,
                                   void *y)
{
    return (struct bit_swiglu_args){
        .rows = rows,
        .cols = cols,
        .ug = rows_from(ug, dtype, first, 2 * cols),
        .y = y,
        .dtype = dtype,
    };
}

struct bit_swiglu_args bit_swiglu_quantise_y(const struct bit_swiglu_quantise_args *args, int64_t first, int64_t rows,
                                             void *y)
{
    return y_of(args->ug, args->cols, args->dtype, first, rows, y);
}

struct bit_quantise_args bit_swiglu_quantise_codes(const struct bit_swiglu_quantise_args *args, int64_t first,
                                                   int64_t rows, const void *y)
{
    const bool normed = args->kind != BIT_NORM_NONE;

    return (struct bit_quantise_args){
        .rows = rows,
        .cols = args->cols,
        .kind = args->kind,
        .var_factor = 1,
        .norm_eps = args->norm_eps,
        .measure = args->measure,
        .levels = args->levels,
        .eps = args->eps,
        .strength = args->strength,
        .x = y,
        .x_dtype = args->dtype,
        .q = rows_to(args->q, args->q_dtype, first, args->cols),
        .q_dtype = args->q_dtype,
        .scale = args->scale + first,
        .mean = normed ? args->mean + first : NULL,
        .rstd = normed ? args->rstd + first : NULL,
        .operand = args->operand == NULL ? NULL : rows_to(args->operand, args->dtype, first, args->cols),
        .operand_dtype = args->dtype,
    };
}

bool bit_swiglu_norm_backward_is_plain(const struct bit_swiglu_norm_backward_args *args)
{
    return args->kind == BIT_NORM_NONE && args->operand.to == NULL;
}

struct bit_swiglu_args bit_swiglu_norm_backward_y(const struct bit_swiglu_norm_backward_args *args, int64_t first,
                                                  int64_t rows, void *y)
{
    return y_of(args->ug, args->cols, args->dtype, first, rows, y);
}

struct bit_norm_backward_args bit_swiglu_norm_backward_dy(const struct bit_swiglu_norm_backward_args *args,
                                                          int64_t first, int64_t rows, const void *y, void *dy)
{
    const bool normed = args->kind != BIT_NORM_NONE;

    return (struct bit_norm_backward_args){
        .rows = rows,
        .cols = args->cols,
        .kind = args->kind,
        .var_factor = 1,
        .x = y,
        .x_dtype = args->dtype,
        .mean = normed ? args->mean + first : NULL,
        .rstd = normed ? args->rstd + first : NULL,
        .dy = rows_from(args->dn, args->dtype, first, args->cols),
        .dy_dtype = args->dtype,
        .dx = dy,
        .dx_dtype = args->dtype,
        .operand = bit_operand_rows(args->operand, first, args->cols),
    };
}

struct bit_swiglu_backward_args bit_swiglu_norm_backward_dug(const struct bit_swiglu_norm_backward_args *args,
                                                             int64_t first, int64_t rows, const void *dy)
{
    const void *dn = rows_from(args->dn, args->dtype, first, args->cols);

    return (struct bit_swiglu_backward_args){
        .rows = rows,
        .cols = args->cols,
        .ug = rows_from(args->ug, args->dtype, first, 2 * args->cols),
        .dy = bit_swiglu_norm_backward_is_plain(args) ? dn : dy,
        .dy_dtype = args->dtype,
        .dug = rows_to(args->dug, args->dtype, first, 2 * args->cols),
        .dtype = args->dtype,
    };
}
