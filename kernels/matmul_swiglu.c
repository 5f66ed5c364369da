/* Checks of the arguments of products fused with SwiGLU. */
#include "kernels/matmul_swiglu.h"

#include "kernels/args.h"

static int check_shape(const char *name, int64_t m, int64_t n, int64_t k)
{
    if (m < 0 || n < 1 || k < 1 || m > INT32_MAX / 2 || n > INT32_MAX / 2 || k > INT32_MAX / 2)
        return bit_fail(-EINVAL, "%s of %lld x %lld x %lld", name, (long long)m, (long long)n, (long long)k);
    return 0;
}

int bit_matmul_swiglu_check(const struct bit_matmul_swiglu_args *args)
{
    if (args->m > 0 && (args->y == args->x || args->y == args->ug))
        return bit_fail(-EINVAL, "matmul_swiglu: y is not disjoint from its other matrices");
    return check_shape("matmul_swiglu", args->m, args->n, args->k);
}

int bit_matmul_swiglu_backward_check(const struct bit_matmul_swiglu_backward_args *args)
{
    return check_shape("matmul_swiglu_backward", args->m, args->n, args->k);
}
