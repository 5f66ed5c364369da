/* Checks of quantise's arguments. */
#include "kernels/quantise.h"

#include "kernels/args.h"

int bit_quantise_check(const struct bit_quantise_args *args)
{
    if (args->rows < 0 || args->cols < 1)
        return bit_fail(-EINVAL, "quantise of %ld rows of %ld columns", (long)args->rows, (long)args->cols);
    if (args->x_dtype == BIT_I8)
        return bit_fail(-EINVAL, "quantise takes f32 and bf16");
    if (args->q_dtype == BIT_I8 && args->strength != 1)
        return bit_fail(-EINVAL, "int8 codes exist at strength 1 only, not at %g", (double)args->strength);
    if (args->kind != BIT_NORM_NONE && (args->mean == NULL || args->rstd == NULL))
        return bit_fail(-EINVAL, "quantise: a norm needs buffers for mean and rstd");
    if (args->kind != BIT_NORM_NONE && !(args->var_factor > 0))
        return bit_fail(-EINVAL, "quantise: var_factor %g is not above 0", (double)args->var_factor);
    return args->operand == NULL ? 0 : bit_check_float("quantise operand", args->operand_dtype);
}
