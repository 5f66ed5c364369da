/* Checks of attention's arguments. */
#include "kernels/attention.h"

#include "kernels/args.h"
#include "proto/limits.h"

static int check_shape(const char *name, int64_t batch, int64_t time, int64_t heads, int64_t head_dim)
{
    if (head_dim < 2 || head_dim % 2 != 0 || head_dim > BIT_HEAD_DIM_MAX)
        return bit_fail(-EINVAL, "%s: heads of %lld, not an even number up to %d", name, (long long)head_dim,
                        BIT_HEAD_DIM_MAX);
    int err = bit_check_shape(name, batch, time);
    if (err < 0)
        return err;
    err = bit_check_shape(name, batch * time, heads);
    if (err < 0)
        return err;
    return bit_check_shape(name, batch * time * heads, 3 * head_dim);
}

int bit_attention_check(const struct bit_attention_args *args)
{
    int err = check_shape("attention", args->batch, args->time, args->heads, args->head_dim);

    if (err < 0)
        return err;
    return bit_check_float("attention", args->dtype);
}

int bit_attention_backward_check(const struct bit_attention_backward_args *args)
{
    int err = check_shape("attention_backward", args->batch, args->time, args->heads, args->head_dim);

    if (err < 0)
        return err;
    return bit_check_float("attention_backward", args->dtype);
}
