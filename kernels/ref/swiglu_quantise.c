/* SwiGLU to codes and back: calls the references of the fused operators, a row at a time. */
#include "kernels/swiglu_quantise.h"

#include <stdlib.h>

#include "kernels/args.h"
#include "kernels/swiglu_quantise_parts.h"

/* y: scratch for a row. */
static int forward_row(const struct bit_exec *exec, const struct bit_swiglu_quantise_args *args, int64_t r, void *y)
{
    const struct bit_swiglu_args swiglu = bit_swiglu_quantise_y(args, r, 1, y);
    const struct bit_quantise_args codes = bit_swiglu_quantise_codes(args, r, 1, y);
    int err = bit_swiglu_ref(exec, &swiglu);

    return err < 0 ? err : bit_quantise_ref(exec, &codes);
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

/* y, dy: scratch for a row each. */
static int backward_row(const struct bit_exec *exec, const struct bit_swiglu_norm_backward_args *args, int64_t r,
                        void *y, void *dy)
{
    const struct bit_swiglu_args swiglu = bit_swiglu_norm_backward_y(args, r, 1, y);
    const struct bit_norm_backward_args norm = bit_swiglu_norm_backward_dy(args, r, 1, y, dy);
    const struct bit_swiglu_backward_args gate = bit_swiglu_norm_backward_dug(args, r, 1, dy);
    int err = 0;

    if (!bit_swiglu_norm_backward_is_plain(args)) {
        err = bit_swiglu_ref(exec, &swiglu);
        if (err >= 0)
            err = bit_norm_backward_ref(exec, &norm);
    }
    return err < 0 ? err : bit_swiglu_backward_ref(exec, &gate);
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
