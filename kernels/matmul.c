/* Matrix products: checks of their arguments, and their scratch memory. */
#include "kernels/matmul.h"

#include "kernels/args.h"
#include "kernels/product_plan.h"

int bit_matmul_check(const struct bit_matmul_args *args)
{
    const int64_t side_max = INT32_MAX;

    if (args->m < 0 || args->n < 0 || args->k < 0 || args->m > side_max || args->n > side_max || args->k > side_max)
        return bit_fail(-EINVAL, "matmul of %ld x %ld x %ld", (long)args->m, (long)args->n, (long)args->k);
    if (args->ab_dtype == BIT_I8 || args->c_dtype == BIT_I8)
        return bit_fail(-EINVAL, "matmul takes f32 and bf16; int8 goes through bitlinear");
    if (args->addend != NULL && args->c_dtype == BIT_BF16 && args->ab_dtype != BIT_BF16)
        return bit_fail(-EINVAL, "matmul: a bf16 addend needs bf16 operands");
    return 0;
}

size_t bit_matmul_workspace(enum bit_backend backend, int threads)
{
    return backend == BIT_BACKEND_CUDA ? BIT_BLAS_WORKSPACE + BIT_MATMUL_SCRATCH : bit_gemm_workspace(threads);
}
