/* What the ternary linear layer is made of on a GPU: our own int8 products, and passes around cuBLASLt's. */
#ifndef BIT_KERNELS_BITLINEAR_CUDA_H
#define BIT_KERNELS_BITLINEAR_CUDA_H
#include <stdbool.h>

#include "kernels/bitlinear.h"
#include "kernels/cuda/blas.h"
#include "proto/check.h"

/* ---- bitlinear of int8, to the contract's bits */

/** For any shape, alignment and GPU: mma.sync of 16 x 8 x 32. */
int bit_ternary_gemm_sm80(const struct bit_exec *exec, const struct bit_bitlinear_args *args);
/** Hopper's own: TMA and wgmma. For what bit_ternary_gemm_sm90_takes: rows of whole 16 bytes on all sides. */
int bit_ternary_gemm_sm90(const struct bit_exec *exec, const struct bit_bitlinear_args *args);
bool bit_ternary_gemm_sm90_takes(const struct bit_exec *exec, const struct bit_bitlinear_args *args);

/* ---- passes over memory */

/* to[r][c] = from[r][c], rounded to its type. *_row: elements between rows. Less than 2^31 elements. */
struct bit_convert_pass {
    int64_t rows, cols;
    const void *from;
    enum bit_dtype from_dtype;
    int64_t from_row;
    void *to;
    enum bit_dtype to_dtype; /* f32 or bf16 */
    int64_t to_row;
};
int bit_convert_pass_cuda(const struct bit_exec *exec, const struct bit_convert_pass *pass);
/** y's rows [first, first + rows) of bitlinear from their f32 sums (rows, N). */
int bit_scale_pass_cuda(const struct bit_exec *exec, const struct bit_bitlinear_args *args, const float *sums,
                        int64_t first, int64_t rows);
/** factors (BIT_FACTORS) = 1 / scale of each segment, then 0 and 1: cuBLASLt's alpha and beta on the GPU. */
int bit_factors_pass_cuda(const struct bit_exec *exec, const struct bit_segments *segments, float *factors);
#define BIT_FACTORS      (BIT_SEGMENTS_MAX + 2)
#define BIT_FACTOR_ZERO  BIT_SEGMENTS_MAX
#define BIT_FACTOR_ONE   (BIT_SEGMENTS_MAX + 1)
#define BIT_FACTOR_BYTES 256

/* ---- scratch, behind cuBLASLt's: the factors, then what stands at once of a matrix that is only passed through */

#define BIT_SUMS_BYTES  ((size_t)64 << 20) /* of bitlinear below strength 1, and of several segments' gradients */
#define BIT_CODES_BYTES ((size_t)64 << 20) /* of codes as numbers, for the gradient at the input */

/** How many of `count` rows of row_bytes stand at once in a piece of scratch, and its bytes: one row at the least. */
static inline int64_t bit_piece_rows(int64_t count, size_t row_bytes, size_t bytes)
{
    return BIT_MIN(count, BIT_MAX((int64_t)(bytes / row_bytes), 1));
}
static inline size_t bit_piece_bytes(int64_t count, size_t row_bytes, size_t bytes)
{
    return BIT_MIN((size_t)count * row_bytes, BIT_MAX(bytes, row_bytes));
}

static inline size_t bit_bitlinear_cuda_workspace(int64_t m, int64_t n, int64_t k)
{
    const size_t forward = bit_piece_bytes(m, (size_t)n * 4, BIT_SUMS_BYTES);
    const size_t data = bit_piece_bytes(k, (size_t)n * 4, BIT_CODES_BYTES) + 256 +
                        bit_piece_bytes(m, (size_t)k * 4, BIT_SUMS_BYTES);

    return BIT_BLAS_WORKSPACE + BIT_FACTOR_BYTES + BIT_MAX(forward, data);
}

#endif
