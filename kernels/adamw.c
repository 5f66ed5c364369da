/* Checks of AdamW's arguments. */
#include "kernels/adamw.h"

#include "kernels/args.h"

int bit_adamw_check(const struct bit_adamw_args *args)
{
    int err = bit_check_shape("adamw", args->count, 1);

    if (err >= 0)
        err = bit_check_float("adamw", args->moments);
    if (err < 0)
        return err;
    if (args->t < 1)
        return bit_fail(-EINVAL, "adamw: updates count from 1");
    if (!(args->beta1 >= 0 && args->beta1 < 1 && args->beta2 >= 0 && args->beta2 < 1))
        return bit_fail(-EINVAL, "adamw: betas %g and %g", args->beta1, args->beta2);
    if (args->first < 0 || args->first > BIT_ELEMENTS_MAX)
        return bit_fail(-EINVAL, "adamw: a range from element %lld on", (long long)args->first);
    return 0;
}
