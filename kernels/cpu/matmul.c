/* Matrix products of the 16-bit phase, as packed products. */
#include "kernels/matmul.h"

#include "kernels/args.h"
#include "kernels/cpu/gemm.h"

static int packed(const struct bit_exec *exec, const struct bit_matmul_args *args)
{
    const int a_turned = args->form == BIT_MATMUL_TN, b_turned = args->form == BIT_MATMUL_NT;
    const struct bit_gemm_args gemm = {
        .m = args->m,
        .n = args->n,
        .k = args->k,
        .math = args->ab_dtype,
        .a = {args->a, args->ab_dtype, a_turned ? 1 : args->k, a_turned ? args->m : 1},
        .b = {args->b, args->ab_dtype, b_turned ? args->k : 1, b_turned ? 1 : args->n},
        .c = args->c,
        .c_dtype = args->c_dtype,
        .addend = args->addend,
    };

    return bit_gemm_cpu(exec, &gemm);
}

int bit_matmul_cpu(const struct bit_exec *exec, const struct bit_matmul_args *args)
{
    int err = bit_matmul_check(args);

    if (err < 0)
        return err;
    return packed(exec, args);
}
