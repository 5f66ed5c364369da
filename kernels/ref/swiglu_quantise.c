/* SwiGLU to codes and back, the reference: the references of its parts, a row at a time. */
#include "kernels/swiglu_quantise.h"

#include <stdlib.h>

#include "kernels/args.h"
#include "kernels/swiglu.h"

static int check(const char *name, int64_t rows, int64_t cols, enum bit_norm_kind kind, const float *mean,
                 const float *rstd, enum bit_dtype dtype)
{
    int err = bit_check_shape(name, rows, cols);
    if (err < 0)
        return err;
    if (kind != BIT_NORM_NONE && (mean == NULL || rstd == NULL))
        return bit_fail(-EINVAL, "%s: a normed row has a mean and a 1/deviation", name);
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

static const void *at(const void *base, enum bit_dtype dtype, int64_t i)
{
    return (const uint8_t *)base + i * (int64_t)bit_dtype_bytes(dtype);
}

static int forward_row(const struct bit_exec *exec, const struct bit_swiglu_quantise_args *args, int64_t r, void *y)
{
    const int64_t cols = args->cols;
    int err = bit_swiglu_ref(exec, &(struct bit_swiglu_args){
                                       .rows = 1,
                                       .cols = cols,
                                       .ug = at(args->ug, args->dtype, r * 2 * cols),
                                       .y = y,
                                       .dtype = args->dtype,
                                   });
    if (err < 0)
        return err;
    return bit_quantise_ref(exec, &(struct bit_quantise_args){
                                      .rows = 1,
                                      .cols = cols,
                                      .kind = args->kind,
                                      .var_factor = 1,
                                      .norm_eps = args->norm_eps,
                                      .measure = args->measure,
                                      .levels = args->levels,
                                      .eps = args->eps,
                                      .strength = args->strength,
                                      .x = y,
                                      .x_dtype = args->dtype,
                                      .q = (uint8_t *)args->q + r * cols * (int64_t)bit_dtype_bytes(args->q_dtype),
                                      .q_dtype = args->q_dtype,
                                      .scale = args->scale + r,
                                      .mean = args->kind == BIT_NORM_NONE ? NULL : args->mean + r,
                                      .rstd = args->kind == BIT_NORM_NONE ? NULL : args->rstd + r,
                                  });
}

int bit_swiglu_quantise_ref(const struct bit_exec *exec, const struct bit_swiglu_quantise_args *args)
{
    int err = bit_swiglu_quantise_check(args);
    void *y = NULL;

    if (err < 0)
        return err;
    y = malloc((size_t)args->cols * bit_dtype_bytes(args->dtype));
    if (y == NULL)
        return bit_fail(-ENOMEM, "a row of %lld", (long long)args->cols);
    for (int64_t r = 0; err >= 0 && r < args->rows; r++)
        err = forward_row(exec, args, r, y);
    free(y);
    return err;
}

/* y becomes its own gradient. */
static int norm_row(const struct bit_exec *exec, const struct bit_swiglu_norm_backward_args *args, int64_t r, void *y,
                    void *dy)
{
    const int64_t cols = args->cols;
    int err = bit_swiglu_ref(exec, &(struct bit_swiglu_args){
                                       .rows = 1,
                                       .cols = cols,
                                       .ug = at(args->ug, args->dtype, r * 2 * cols),
                                       .y = y,
                                       .dtype = args->dtype,
                                   });
    if (err < 0)
        return err;
    return bit_norm_backward_ref(exec, &(struct bit_norm_backward_args){
                                           .rows = 1,
                                           .cols = cols,
                                           .kind = args->kind,
                                           .var_factor = 1,
                                           .x = y,
                                           .x_dtype = args->dtype,
                                           .mean = args->kind == BIT_NORM_NONE ? NULL : args->mean + r,
                                           .rstd = args->kind == BIT_NORM_NONE ? NULL : args->rstd + r,
                                           .dy = at(args->dn, args->dtype, r * cols),
                                           .dy_dtype = args->dtype,
                                           .dx = dy,
                                           .dx_dtype = args->dtype,
                                           .operand = bit_operand_rows(args->operand, r, cols),
                                       });
}

static int backward_row(const struct bit_exec *exec, const struct bit_swiglu_norm_backward_args *args, int64_t r,
                        void *y, void *dy)
{
    const int64_t cols = args->cols, ug_at = r * 2 * cols * (int64_t)bit_dtype_bytes(args->dtype);
    const int plain = args->kind == BIT_NORM_NONE && args->operand.to == NULL;
    int err = plain ? 0 : norm_row(exec, args, r, y, dy);

    if (err < 0)
        return err;
    return bit_swiglu_backward_ref(exec, &(struct bit_swiglu_backward_args){
                                             .rows = 1,
                                             .cols = cols,
                                             .ug = (const uint8_t *)args->ug + ug_at,
                                             .dy = plain ? at(args->dn, args->dtype, r * cols) : dy,
                                             .dy_dtype = args->dtype,
                                             .dug = (uint8_t *)args->dug + ug_at,
                                             .dtype = args->dtype,
                                         });
}

int bit_swiglu_norm_backward_ref(const struct bit_exec *exec, const struct bit_swiglu_norm_backward_args *args)
{
    const size_t row_bytes = (size_t)args->cols * bit_dtype_bytes(args->dtype);
    int err = bit_swiglu_norm_backward_check(args);
    uint8_t *rows = NULL;

    if (err < 0)
        return err;
    rows = malloc(2 * row_bytes);
    if (rows == NULL)
        return bit_fail(-ENOMEM, "two rows of %lld", (long long)args->cols);
    for (int64_t r = 0; err >= 0 && r < args->rows; r++)
        err = backward_row(exec, args, r, rows, rows + row_bytes);
    free(rows);
    return err;
}
