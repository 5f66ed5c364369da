/* Checks of SwiGLU's arguments. */
#include "kernels/swiglu.h"

#include "kernels/args.h"

int bit_swiglu_check(const struct bit_swiglu_args *args)
{
    int err = bit_check_shape("swiglu", args->rows, args->cols);

    if (err < 0)
        return err;
    return bit_check_float("swiglu", args->dtype);
}

int bit_swiglu_backward_check(const struct bit_swiglu_backward_args *args)
{
    int err = bit_check_shape("swiglu_backward", args->rows, args->cols);

    if (err < 0)
        return err;
    err = bit_check_float("swiglu_backward dy", args->dy_dtype);
    if (err < 0)
        return err;
    return bit_check_float("swiglu_backward", args->dtype);
}
