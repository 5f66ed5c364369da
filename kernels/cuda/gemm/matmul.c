/* Matrix products of the 16-bit phase on a GPU, by cuBLASLt. */
#include "kernels/args.h"
#include "kernels/cast.h"
#include "kernels/cuda/gemm/blas.h"
#include "kernels/cuda/gpu.h"
#include "proto/check.h"

static struct bit_blas_args product_of(const struct bit_matmul_args *args)
{
    return (struct bit_blas_args){
        .form = args->form,
        .m = args->m,
        .n = args->n,
        .k = args->k,
        .a = args->a,
        .b = args->b,
        .a_row = args->form == BIT_MATMUL_TN ? args->m : args->k,
        .b_row = args->form == BIT_MATMUL_NT ? args->k : args->n,
        .ab_dtype = args->ab_dtype,
        .addend = args->addend,
        .c = args->c,
        .c_row = args->n,
        .c_dtype = args->c_dtype,
    };
}

/* cuBLASLt has no product of f32 with a bf16 result: computes as many rows at a time as scratch holds, then casts. */
static int rounded(const struct bit_exec *exec, const struct bit_matmul_args *args)
{
    const int64_t rows = (int64_t)BIT_MATMUL_SCRATCH / (args->n * 4);
    float *sums = (float *)((char *)exec->workspace + BIT_BLAS_WORKSPACE);
    int err = rows > 0 ? 0 : bit_fail(-ENOMEM, "matmul rounds rows of at most %zu bytes", BIT_MATMUL_SCRATCH);

    for (int64_t i = 0; err >= 0 && i < args->m; i += rows) {
        struct bit_blas_args part = product_of(args);
        part.m = BIT_MIN(rows, args->m - i);
        part.a = (const float *)args->a + i * (args->form == BIT_MATMUL_TN ? 1 : args->k);
        part.c = sums;
        part.c_dtype = BIT_F32;

        const struct bit_cast_args cast = {
            .count = part.m * args->n,
            .x = sums,
            .x_dtype = BIT_F32,
            .y = (bit_bf16 *)args->c + i * args->n,
            .y_dtype = BIT_BF16,
            .scale = 1.0f,
        };
        err = bit_blas_cuda(exec, &part);
        if (err >= 0)
            err = bit_cast_cuda(exec, &cast);
    }
    return err;
}

int bit_matmul_cuda(const struct bit_exec *exec, const struct bit_matmul_args *args)
{
    int err = bit_matmul_check(args);

    if (err < 0)
        return err;
    if (exec->workspace_bytes < bit_matmul_workspace(BIT_BACKEND_CUDA, exec->threads))
        return bit_fail(-ENOMEM, "a matrix product needs %zu bytes of workspace, and has %zu",
                        bit_matmul_workspace(BIT_BACKEND_CUDA, exec->threads), exec->workspace_bytes);
    if (args->m == 0 || args->n == 0)
        return 0;
    if (args->ab_dtype == BIT_F32 && args->c_dtype == BIT_BF16)
        return rounded(exec, args);
    const struct bit_blas_args whole = product_of(args);
    return bit_blas_cuda(exec, &whole);
}
