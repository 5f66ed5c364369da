/* The ternary linear layer and its gradient as packed products: gemm converts operands as it packs them, and applies
 * scales as it stores sums. */
#include "kernels/bitlinear.h"

#include "kernels/args.h"
#include "kernels/cpu/gemm.h"

int bit_bitlinear_cpu(const struct bit_exec *exec, const struct bit_bitlinear_args *args)
{
    const struct bit_gemm_args gemm = {
        .m = args->m,
        .n = args->n,
        .k = args->k,
        .math = args->qw_dtype,
        .a = {args->q, args->qw_dtype, args->k, 1},
        .b = {args->w, args->qw_dtype, args->k, 1},
        .row_scale = args->x_scale,
        .n_segments = &args->segments,
        .c = args->y,
        .c_dtype = args->y_dtype,
        .addend = args->addend,
    };
    int err = bit_bitlinear_check(args);

    return err < 0 ? err : bit_gemm_cpu(exec, &gemm);
}

int bit_bitlinear_backward_data_cpu(const struct bit_exec *exec, const struct bit_bitlinear_backward_data_args *args)
{
    const struct bit_gemm_args gemm = {
        .m = args->m,
        .n = args->k,
        .k = args->n,
        .math = args->dy_dtype,
        .a = {args->dy, args->dy_dtype, args->n, 1},
        .b = {args->w, args->w_dtype, 1, args->k},
        .k_segments = &args->segments,
        .c = args->dn,
        .c_dtype = args->dn_dtype,
    };
    int err = bit_bitlinear_backward_data_check(args);

    return err < 0 ? err : bit_gemm_cpu(exec, &gemm);
}
