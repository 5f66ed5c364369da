/* The product of q, k and v with their rotation on a GPU: our own kernel, for heads of 128 columns. */
#include "kernels/matmul_rope.h"

#include "kernels/args.h"
#include "kernels/cuda/gemm/bf16_gemm.h"

int bit_matmul_rope_cuda(const struct bit_exec *exec, const struct bit_matmul_rope_args *args)
{
    const struct bit_bf16_gemm_args product = {
        .m = args->batch * args->time,
        .n = 3 * args->heads * args->head_dim,
        .k = args->k,
        .a = args->x,
        .b = args->w,
        .cos_sin = args->cos_sin,
        .time = args->time,
        .out = args->qkv,
    };
    int err = bit_matmul_rope_check(args);

    if (err >= 0 && args->head_dim != BIT_BF16_GEMM_HEAD_DIM)
        err = bit_fail(-EINVAL, "matmul_rope: heads of %lld, not of %d", (long long)args->head_dim,
                       BIT_BF16_GEMM_HEAD_DIM);
    if (err >= 0)
        err = bit_bf16_gemm_check(exec, &product);
    return err < 0 || product.m == 0 ? err : bit_bf16_gemm_rope(exec, &product);
}
