/* Products fused with SwiGLU, the reference: the references of both operators. */
#include "kernels/matmul_swiglu.h"

#include <stdlib.h>

#include "kernels/args.h"
#include "kernels/matmul.h"
#include "kernels/swiglu.h"

int bit_matmul_swiglu_ref(const struct bit_exec *exec, const struct bit_matmul_swiglu_args *args)
{
    const struct bit_matmul_args product = {
        .form = BIT_MATMUL_NT,
        .m = args->m,
        .n = 2 * args->n,
        .k = args->k,
        .a = args->x,
        .b = args->w,
        .ab_dtype = BIT_BF16,
        .c = args->ug,
        .c_dtype = BIT_BF16,
    };
    const struct bit_swiglu_args gate = {
        .rows = args->m,
        .cols = args->n,
        .ug = args->ug,
        .y = args->y,
        .dtype = BIT_BF16,
    };
    int err = bit_matmul_swiglu_check(args);

    if (err >= 0)
        err = bit_matmul_ref(exec, &product);
    return err < 0 ? err : bit_swiglu_ref(exec, &gate);
}

static int backward(const struct bit_exec *exec, const struct bit_matmul_swiglu_backward_args *args, bit_bf16 *dn)
{
    const struct bit_matmul_args product = {
        .form = BIT_MATMUL_NN,
        .m = args->m,
        .n = args->n,
        .k = args->k,
        .a = args->dy,
        .b = args->w,
        .ab_dtype = BIT_BF16,
        .c = dn,
        .c_dtype = BIT_BF16,
    };
    const struct bit_swiglu_backward_args gate = {
        .rows = args->m,
        .cols = args->n,
        .ug = args->ug,
        .dy = dn,
        .dy_dtype = BIT_BF16,
        .dug = args->dug,
        .dtype = BIT_BF16,
    };
    int err = bit_matmul_ref(exec, &product);

    return err < 0 ? err : bit_swiglu_backward_ref(exec, &gate);
}

int bit_matmul_swiglu_backward_ref(const struct bit_exec *exec, const struct bit_matmul_swiglu_backward_args *args)
{
    int err = bit_matmul_swiglu_backward_check(args);

    if (err < 0 || args->m == 0)
        return err;
    bit_bf16 *dn = malloc((size_t)(args->m * args->n) * sizeof *dn);
    if (dn == NULL)
        return bit_fail(-ENOMEM, "a product of %lld x %lld", (long long)args->m, (long long)args->n);
    err = backward(exec, args, dn);
    free(dn);
    return err;
}
