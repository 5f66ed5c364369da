/* Checks of the arguments of the product fused with a rotation. */
#include "kernels/matmul_rope.h"

#include "kernels/args.h"
#include "kernels/rope.h"

int bit_matmul_rope_check(const struct bit_matmul_rope_args *args)
{
    const struct bit_rope_args rotation = {
        .batch = args->batch,
        .time = args->time,
        .heads = args->heads,
        .head_dim = args->head_dim,
        .dtype = BIT_BF16,
    };
    int err = bit_rope_check(&rotation);

    if (err < 0)
        return err;
    if (args->k < 1 || args->k > INT32_MAX / 2 || args->batch * args->time > INT32_MAX / 2)
        return bit_fail(-EINVAL, "matmul_rope of %lld rows of %lld", (long long)(args->batch * args->time),
                        (long long)args->k);
    return 0;
}
