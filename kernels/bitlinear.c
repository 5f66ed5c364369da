/* The ternary linear layer: checks of its arguments, and its scratch memory. */
#include "kernels/bitlinear.h"

#include "kernels/args.h"
#include "kernels/product_plan.h"

static int check_segments(const struct bit_segments *s, int64_t n)
{
    int64_t rows = 0;

    if (s->count < 1 || s->count > BIT_SEGMENTS_MAX)
        return bit_fail(-EINVAL, "a weight matrix has %d segments, must be 1 to %d", s->count, BIT_SEGMENTS_MAX);
    for (int i = 0; i < s->count; i++)
        rows += s->rows[i];
    if (rows != n)
        return bit_fail(-EINVAL, "segments have %ld rows, the matrix %ld", (long)rows, (long)n);
    return 0;
}

static int check_sides(int64_t m, int64_t n, int64_t k)
{
    if (m < 0 || n < 1 || k < 1 || m > INT32_MAX || n > INT32_MAX || k > BIT_BITLINEAR_K_MAX)
        return bit_fail(-EINVAL, "bitlinear of %ld x %ld x %ld", (long)m, (long)n, (long)k);
    return 0;
}

int bit_bitlinear_check(const struct bit_bitlinear_args *args)
{
    int err = check_sides(args->m, args->n, args->k);

    if (err < 0)
        return err;
    if (args->y_dtype == BIT_I8 || (args->addend != NULL && args->y_dtype != BIT_F32))
        return bit_fail(-EINVAL, "bitlinear writes f32 or bf16, and adds in f32");
    return check_segments(&args->segments, args->n);
}

int bit_bitlinear_backward_data_check(const struct bit_bitlinear_backward_data_args *args)
{
    int err = check_sides(args->m, args->n, args->k);

    if (err < 0)
        return err;
    if (args->dy_dtype == BIT_I8 || args->dn_dtype == BIT_I8)
        return bit_fail(-EINVAL, "gradients are f32 or bf16");
    return check_segments(&args->segments, args->n);
}

/* In scratch, sums begin at the next multiple of this after the converted codes. */
#define CUDA_ALIGN 256

static size_t cuda_workspace(int64_t m, int64_t n, int64_t k)
{
    const size_t forward = bit_piece_bytes(m, (size_t)n * 4, BIT_SUMS_BYTES);
    const size_t data = bit_piece_bytes(k, (size_t)n * 4, BIT_CODES_BYTES) + CUDA_ALIGN +
                        bit_piece_bytes(m, (size_t)k * 4, BIT_SUMS_BYTES);

    return BIT_BLAS_WORKSPACE + BIT_FACTOR_BYTES + BIT_MAX(forward, data);
}

size_t bit_bitlinear_workspace(enum bit_backend backend, int threads, int64_t m, int64_t n, int64_t k)
{
    return backend == BIT_BACKEND_CUDA ? cuda_workspace(m, n, k) : bit_gemm_workspace(threads);
}
