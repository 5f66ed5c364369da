/*
 * SwiGLU to codes and back on processors: the fused operators, one after the other, over blocks of rows small enough
 * that the values between them stay in cache.
 */
#include "kernels/swiglu_quantise.h"

#include "kernels/args.h"
#include "kernels/swiglu_quantise_parts.h"
#include "proto/check.h"

static int check_workspace(const struct bit_exec *exec, const char *name, int64_t cols, enum bit_dtype dtype)
{
    const size_t bytes = bit_swiglu_quantise_workspace(BIT_BACKEND_CPU, cols, dtype);

    if (exec->workspace_bytes < bytes)
        return bit_fail(-ENOMEM, "%s: workspace of %zu bytes, %zu needed", name, exec->workspace_bytes, bytes);
    return 0;
}

static int forward_block(const struct bit_exec *exec, const struct bit_swiglu_quantise_args *args, int64_t first,
                         int64_t rows)
{
    const struct bit_swiglu_args swiglu = bit_swiglu_quantise_y(args, first, rows, exec->workspace);
    const struct bit_quantise_args codes = bit_swiglu_quantise_codes(args, first, rows, exec->workspace);
    int err = bit_swiglu_cpu(exec, &swiglu);

    return err < 0 ? err : bit_quantise_cpu(exec, &codes);
}

int bit_swiglu_quantise_cpu(const struct bit_exec *exec, const struct bit_swiglu_quantise_args *args)
{
    int err = bit_swiglu_quantise_check(args);

    if (err >= 0)
        err = check_workspace(exec, "swiglu_quantise", args->cols, args->dtype);
    for (int64_t r = 0; err >= 0 && r < args->rows; r += BIT_SWIGLU_QUANTISE_ROWS)
        err = forward_block(exec, args, r, BIT_MIN(args->rows - r, BIT_SWIGLU_QUANTISE_ROWS));
    return err;
}

static int backward_block(const struct bit_exec *exec, const struct bit_swiglu_norm_backward_args *args, int64_t first,
                          int64_t rows)
{
    void *y = exec->workspace;
    void *dy = (uint8_t *)y + bit_swiglu_quantise_workspace(BIT_BACKEND_CPU, args->cols, args->dtype) / 2;
    const struct bit_swiglu_args swiglu = bit_swiglu_norm_backward_y(args, first, rows, y);
    const struct bit_norm_backward_args norm = bit_swiglu_norm_backward_dy(args, first, rows, y, dy);
    const struct bit_swiglu_backward_args gate = bit_swiglu_norm_backward_dug(args, first, rows, dy);
    int err = 0;

    if (!bit_swiglu_norm_backward_is_plain(args)) {
        err = bit_swiglu_cpu(exec, &swiglu);
        if (err >= 0)
            err = bit_norm_backward_cpu(exec, &norm);
    }
    return err < 0 ? err : bit_swiglu_backward_cpu(exec, &gate);
}

int bit_swiglu_norm_backward_cpu(const struct bit_exec *exec, const struct bit_swiglu_norm_backward_args *args)
{
    int err = bit_swiglu_norm_backward_check(args);

    if (err >= 0)
        err = check_workspace(exec, "swiglu_norm_backward", args->cols, args->dtype);
    for (int64_t r = 0; err >= 0 && r < args->rows; r += BIT_SWIGLU_QUANTISE_ROWS)
        err = backward_block(exec, args, r, BIT_MIN(args->rows - r, BIT_SWIGLU_QUANTISE_ROWS));
    return err;
}
