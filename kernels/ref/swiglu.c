/* SwiGLU, the reference. */
#include "kernels/swiglu.h"

#include <math.h>

#include "kernels/args.h"

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

int bit_swiglu_ref(const struct bit_exec *exec, const struct bit_swiglu_args *args)
{
    const int64_t cols = args->cols;
    int err = bit_swiglu_check(args);

    if (err < 0)
        return err;
    for (int64_t r = 0; r < args->rows; r++) {
        for (int64_t c = 0; c < cols; c++) {
            double up = bit_element(args->ug, args->dtype, r * 2 * cols + c);
            double gate = bit_element(args->ug, args->dtype, r * 2 * cols + cols + c);
            bit_element_set(args->y, args->dtype, r * cols + c, up * gate * sigmoid(gate));
        }
    }
    return 0;
}

int bit_swiglu_backward_ref(const struct bit_exec *exec, const struct bit_swiglu_backward_args *args)
{
    const int64_t cols = args->cols;
    int err = bit_swiglu_backward_check(args);

    if (err < 0)
        return err;
    for (int64_t r = 0; r < args->rows; r++) {
        for (int64_t c = 0; c < cols; c++) {
            int64_t up_at = r * 2 * cols + c, gate_at = up_at + cols;
            double up = bit_element(args->ug, args->dtype, up_at), gate = bit_element(args->ug, args->dtype, gate_at);
            double dy = bit_element(args->dy, args->dy_dtype, r * cols + c), s = sigmoid(gate);
            if (args->y != NULL)
                bit_element_set(args->y, args->dtype, r * cols + c, up * gate * s);
            bit_element_set(args->dug, args->dtype, up_at, dy * gate * s);
            bit_element_set(args->dug, args->dtype, gate_at, dy * up * s * (1 + gate * (1 - s)));
        }
    }
    return 0;
}
