/* SwiGLU to codes and back on processors: the operators it is made of, one after the other, over blocks of rows whose
 * values between them stay in cache. */
#include "kernels/swiglu_quantise.h"

#include "kernels/args.h"
#include "kernels/swiglu.h"
#include "proto/check.h"

#define BLOCK_ROWS 64

static size_t block_bytes(int64_t cols, enum bit_dtype dtype)
{
    return (size_t)(BLOCK_ROWS * cols) * bit_dtype_bytes(dtype);
}

/* y and its gradient; a GPU keeps them in registers. */
size_t bit_swiglu_quantise_workspace(enum bit_backend backend, int64_t cols, enum bit_dtype dtype)
{
    return backend == BIT_BACKEND_CPU ? 2 * block_bytes(cols, dtype) : 0;
}

static int check_workspace(const struct bit_exec *exec, const char *name, int64_t cols, enum bit_dtype dtype)
{
    const size_t bytes = bit_swiglu_quantise_workspace(BIT_BACKEND_CPU, cols, dtype);

    if (exec->workspace_bytes < bytes)
        return bit_fail(-ENOMEM, "%s: workspace of %zu bytes, %zu needed", name, exec->workspace_bytes, bytes);
    return 0;
}

static const void *at(const void *base, enum bit_dtype dtype, int64_t i)
{
    return (const uint8_t *)base + i * (int64_t)bit_dtype_bytes(dtype);
}

static int swiglu_block(const struct bit_exec *exec, const void *ug, int64_t rows, int64_t cols, enum bit_dtype dtype)
{
    return bit_swiglu_cpu(
        exec, &(struct bit_swiglu_args){.rows = rows, .cols = cols, .ug = ug, .y = exec->workspace, .dtype = dtype});
}

static int forward_block(const struct bit_exec *exec, const struct bit_swiglu_quantise_args *args, int64_t first,
                         int64_t rows)
{
    const int64_t cols = args->cols;
    int err = swiglu_block(exec, at(args->ug, args->dtype, first * 2 * cols), rows, cols, args->dtype);

    if (err < 0)
        return err;
    return bit_quantise_cpu(exec, &(struct bit_quantise_args){
                                      .rows = rows,
                                      .cols = cols,
                                      .kind = args->kind,
                                      .var_factor = 1,
                                      .norm_eps = args->norm_eps,
                                      .measure = args->measure,
                                      .levels = args->levels,
                                      .eps = args->eps,
                                      .strength = args->strength,
                                      .x = exec->workspace,
                                      .x_dtype = args->dtype,
                                      .q = (uint8_t *)args->q + first * cols * (int64_t)bit_dtype_bytes(args->q_dtype),
                                      .q_dtype = args->q_dtype,
                                      .scale = args->scale + first,
                                      .mean = args->kind == BIT_NORM_NONE ? NULL : args->mean + first,
                                      .rstd = args->kind == BIT_NORM_NONE ? NULL : args->rstd + first,
                                  });
}

int bit_swiglu_quantise_cpu(const struct bit_exec *exec, const struct bit_swiglu_quantise_args *args)
{
    int err = bit_swiglu_quantise_check(args);

    if (err >= 0)
        err = check_workspace(exec, "swiglu_quantise", args->cols, args->dtype);
    for (int64_t r = 0; err >= 0 && r < args->rows; r += BLOCK_ROWS)
        err = forward_block(exec, args, r, BIT_MIN(args->rows - r, BLOCK_ROWS));
    return err;
}

/* The gradient of y into dy. */
static int norm_block(const struct bit_exec *exec, const struct bit_swiglu_norm_backward_args *args, int64_t first,
                      int64_t rows, void *dy)
{
    const int64_t cols = args->cols;
    int err = swiglu_block(exec, at(args->ug, args->dtype, first * 2 * cols), rows, cols, args->dtype);

    if (err < 0)
        return err;
    return bit_norm_backward_cpu(exec, &(struct bit_norm_backward_args){
                                           .rows = rows,
                                           .cols = cols,
                                           .kind = args->kind,
                                           .var_factor = 1,
                                           .x = exec->workspace,
                                           .x_dtype = args->dtype,
                                           .mean = args->kind == BIT_NORM_NONE ? NULL : args->mean + first,
                                           .rstd = args->kind == BIT_NORM_NONE ? NULL : args->rstd + first,
                                           .dy = at(args->dn, args->dtype, first * cols),
                                           .dy_dtype = args->dtype,
                                           .dx = dy,
                                           .dx_dtype = args->dtype,
                                           .operand = bit_operand_rows(args->operand, first, cols),
                                       });
}

static int backward_block(const struct bit_exec *exec, const struct bit_swiglu_norm_backward_args *args, int64_t first,
                          int64_t rows)
{
    const int64_t cols = args->cols, ug_at = first * 2 * cols * (int64_t)bit_dtype_bytes(args->dtype);
    void *dy = (uint8_t *)exec->workspace + block_bytes(cols, args->dtype);
    const int plain = args->kind == BIT_NORM_NONE && args->operand.to == NULL;
    int err = plain ? 0 : norm_block(exec, args, first, rows, dy);

    if (err < 0)
        return err;
    return bit_swiglu_backward_cpu(exec, &(struct bit_swiglu_backward_args){
                                             .rows = rows,
                                             .cols = cols,
                                             .ug = (const uint8_t *)args->ug + ug_at,
                                             .dy = plain ? at(args->dn, args->dtype, first * cols) : dy,
                                             .dy_dtype = args->dtype,
                                             .dug = (uint8_t *)args->dug + ug_at,
                                             .dtype = args->dtype,
                                         });
}

int bit_swiglu_norm_backward_cpu(const struct bit_exec *exec, const struct bit_swiglu_norm_backward_args *args)
{
    int err = bit_swiglu_norm_backward_check(args);

    if (err >= 0)
        err = check_workspace(exec, "swiglu_norm_backward", args->cols, args->dtype);
    for (int64_t r = 0; err >= 0 && r < args->rows; r += BLOCK_ROWS)
        err = backward_block(exec, args, r, BIT_MIN(args->rows - r, BLOCK_ROWS));
    return err;
}
