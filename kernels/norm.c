/* Checks of the norms' arguments. */
#include "kernels/norm.h"

#include "kernels/args.h"

static int check_kind(const char *name, enum bit_norm_kind kind)
{
    if (kind != BIT_NORM_LAYER && kind != BIT_NORM_RMS)
        return bit_fail(-EINVAL, "%s: kind %d is neither layer nor rms", name, (int)kind);
    return 0;
}

int bit_norm_check(const struct bit_norm_args *args)
{
    int err = bit_check_shape("norm", args->rows, args->cols);

    if (err < 0)
        return err;
    err = check_kind("norm", args->kind);
    if (err < 0)
        return err;
    err = bit_check_float("norm x", args->x_dtype);
    if (err < 0)
        return err;
    return bit_check_float("norm y", args->y_dtype);
}

int bit_norm_backward_check(const struct bit_norm_backward_args *args)
{
    int err = bit_check_shape("norm_backward", args->rows, args->cols);

    if (err < 0)
        return err;
    err = args->kind == BIT_NORM_NONE ? 0 : check_kind("norm_backward", args->kind);
    if (err < 0)
        return err;
    err = bit_check_float("norm_backward x", args->x_dtype);
    if (err < 0)
        return err;
    err = bit_check_float("norm_backward dy", args->dy_dtype);
    if (err < 0)
        return err;
    err = bit_check_float("norm_backward dx", args->dx_dtype);
    if (err < 0)
        return err;
    err = args->copy != NULL ? bit_check_float("norm_backward copy", args->copy_dtype) : 0;
    if (err < 0)
        return err;
    if (args->copy != NULL && args->dx_dtype != BIT_F32)
        return bit_fail(-EINVAL, "norm_backward: a copy needs an f32 dx");
    if (args->kind != BIT_NORM_NONE && (args->rstd == NULL || (args->kind == BIT_NORM_LAYER && args->mean == NULL)))
        return bit_fail(-EINVAL, "norm_backward: the forward pass's mean and rstd are missing");
    if (args->kind != BIT_NORM_NONE && !(args->var_factor > 0))
        return bit_fail(-EINVAL, "norm_backward: var_factor %g is not above 0", (double)args->var_factor);
    return bit_operand_check("norm_backward", &args->operand);
}
