/* Which products the fused kernels take, and which of them should be fused. */
#include "kernels/cuda/gemm/bf16_gemm.h"

#include "config.h"
#include "kernels/cuda/gemm/gemm_layout.h"
#include "kernels/cuda/gpu.h"
#include "kernels/exec/backend.h"
#include "kernels/fused_product.h"
#include "proto/err.h"

#define VECTOR 16 /* bytes: the alignment of rows and addresses that TMA needs */

static bool aligned(const void *p)
{
    return (uintptr_t)p % VECTOR == 0;
}

static bool rows_aligned(int64_t n, int64_t k)
{
    return n * 2 % VECTOR == 0 && k * 2 % VECTOR == 0;
}

static bool has_kernels(const struct bit_exec *exec)
{
    return BIT_HAVE_SM90A && exec->gpu->capability == 90;
}

int bit_bf16_gemm_check(const struct bit_exec *exec, const struct bit_bf16_gemm_args *args)
{
    if (!has_kernels(exec))
        return bit_fail(-ENOTSUP, "fused products need a GPU of compute capability 9.0 and a build for sm_90a");
    if (!rows_aligned(args->n, args->k) || !aligned(args->a) || !aligned(args->b) || !aligned(args->ug) ||
        !aligned(args->ug_out) || !aligned(args->cos_sin) || !aligned(args->out))
        return bit_fail(-EINVAL,
                        "a fused product of %lld x %lld x %lld: rows and addresses must be multiples of %d bytes",
                        (long long)args->m, (long long)args->n, (long long)args->k, VECTOR);
    return 0;
}

static enum bit_gemm_ending ending_of(enum bit_fused_kind kind)
{
    return kind == BIT_FUSED_SWIGLU            ? BIT_GEMM_SWIGLU
           : kind == BIT_FUSED_SWIGLU_BACKWARD ? BIT_GEMM_BACKWARD
                                               : BIT_GEMM_ROPE;
}

const char *bit_fused_product_refused_cuda(const struct bit_exec *exec, const struct bit_fused_product *product)
{
    if (!has_kernels(exec))
        return "they need compute capability 9.0 and a build for sm_90a";
    if (product->dtype != BIT_BF16)
        return "operands are not bf16";
    if (!rows_aligned(product->n, product->k))
        return "rows are not multiples of 16 bytes";
    if (product->kind == BIT_FUSED_ROPE && product->head_dim != BIT_BF16_GEMM_HEAD_DIM)
        return "heads do not have 128 columns";
    if (!bit_gemm_pays(ending_of(product->kind), product->m, product->n, product->k, exec->gpu->sm_count))
        return "the product is small";
    return NULL;
}
