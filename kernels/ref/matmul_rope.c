/* The product of q, k and v with their rotation, the reference: the references of both operators. */
#include "kernels/matmul_rope.h"

#include "kernels/args.h"
#include "kernels/matmul.h"
#include "kernels/rope.h"

int bit_matmul_rope_ref(const struct bit_exec *exec, const struct bit_matmul_rope_args *args)
{
    const struct bit_matmul_args product = {
        .form = BIT_MATMUL_NT,
        .m = args->batch * args->time,
        .n = 3 * args->heads * args->head_dim,
        .k = args->k,
        .a = args->x,
        .b = args->w,
        .ab_dtype = BIT_BF16,
        .c = args->qkv,
        .c_dtype = BIT_BF16,
    };
    const struct bit_rope_args rotation = {
        .batch = args->batch,
        .time = args->time,
        .heads = args->heads,
        .head_dim = args->head_dim,
        .cos_sin = args->cos_sin,
        .qkv = args->qkv,
        .dtype = BIT_BF16,
    };
    int err = bit_matmul_rope_check(args);

    if (err >= 0)
        err = bit_matmul_ref(exec, &product);
    return err < 0 ? err : bit_rope_ref(exec, &rotation);
}
