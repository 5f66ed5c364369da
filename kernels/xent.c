/* Checks of the loss's arguments. */
#include "kernels/xent.h"

#include "kernels/args.h"

int bit_xent_check(const struct bit_xent_args *args)
{
    int err = bit_check_shape("xent", args->rows, args->vocab);

    if (err < 0)
        return err;
    err = bit_check_float("xent logits", args->logits_dtype);
    if (err < 0)
        return err;
    err = args->grad != NULL ? bit_check_float("xent grad", args->grad_dtype) : 0;
    if (err < 0)
        return err;
    if (args->grad == args->logits && args->grad_dtype != args->logits_dtype)
        return bit_fail(-EINVAL, "xent: grad may alias logits only if their dtypes agree");
    return 0;
}

int bit_xent_check_targets(const struct bit_xent_args *args)
{
    for (int64_t r = 0; r < args->rows; r++)
        if (args->target[r] < BIT_TARGETS_IGNORE || args->target[r] >= args->vocab)
            return bit_fail(-EINVAL, "xent: target %d at row %lld of %lld columns", args->target[r], (long long)r,
                            (long long)args->vocab);
    return 0;
}
