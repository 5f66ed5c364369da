/* Products fused with SwiGLU on a GPU: our own kernels. */
#include "kernels/matmul_swiglu.h"

#include "kernels/args.h"
#include "kernels/cuda/gemm/bf16_gemm.h"

int bit_matmul_swiglu_cuda(const struct bit_exec *exec, const struct bit_matmul_swiglu_args *args)
{
    const struct bit_bf16_gemm_args product = {
        .m = args->m,
        .n = args->n,
        .k = args->k,
        .a = args->x,
        .b = args->w,
        .ug_out = args->ug,
        .out = args->y,
    };
    int err = bit_matmul_swiglu_check(args);

    if (err >= 0)
        err = bit_bf16_gemm_check(exec, &product);
    return err < 0 || args->m == 0 ? err : bit_bf16_gemm_swiglu(exec, &product);
}

int bit_matmul_swiglu_backward_cuda(const struct bit_exec *exec, const struct bit_matmul_swiglu_backward_args *args)
{
    const struct bit_bf16_gemm_args product = {
        .m = args->m,
        .n = args->n,
        .k = args->k,
        .a = args->dy,
        .b = args->w,
        .ug = args->ug,
        .ug_out = args->dug,
    };
    int err = bit_matmul_swiglu_backward_check(args);

    if (err >= 0)
        err = bit_bf16_gemm_check(exec, &product);
    return err < 0 || args->m == 0 ? err : bit_bf16_gemm_backward(exec, &product);
}
