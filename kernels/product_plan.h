/*
 * Sizes of the matrix products' scratch memory: what the workspace functions promise (matmul.h, bitlinear.h) is what
 * the back ends lay out. Each has a layout of its own:
 *
 *     cpu     a block of B, partial sums of C, and for each thread a slab of A's rows
 *     cuda    cuBLASLt's; then for matmul sums on their way to bf16, for bitlinear the factors, and what stands at once
 *             of a matrix that is only passed through
 */
#ifndef BIT_KERNELS_PRODUCT_PLAN_H
#define BIT_KERNELS_PRODUCT_PLAN_H

#include "kernels/bitlinear.h"
#include "kernels/matmul.h"
#include "proto/check.h"

/* ---- cpu */

#define BIT_GEMM_BLOCK_BYTES (1 << 20) /* the block of B, shared by the threads */
#define BIT_GEMM_SUMS_BYTES  (2 << 20) /* partial sums, where C cannot hold them */
#define BIT_GEMM_SLAB_BYTES  (1 << 19) /* packed rows of A, for each thread */

static inline size_t bit_gemm_workspace(int threads)
{
    return BIT_GEMM_BLOCK_BYTES + BIT_GEMM_SUMS_BYTES + (size_t)threads * BIT_GEMM_SLAB_BYTES;
}

/* ---- cuda */

#define BIT_BLAS_WORKSPACE ((size_t)32 << 20) /* what cuBLAS itself takes on Hopper */
#define BIT_MATMUL_SCRATCH ((size_t)16 << 20) /* f32 sums of matmul on their way to bf16 */

#define BIT_FACTOR_BYTES 256                /* bitlinear's, cuBLASLt's alpha and beta */
#define BIT_SUMS_BYTES   ((size_t)64 << 20) /* of bitlinear below strength 1, and of several segments' gradients */
#define BIT_CODES_BYTES  ((size_t)64 << 20) /* of codes as numbers, for the gradient at the input */

/** How many of `count` rows of row_bytes stand at once in a piece of scratch, and its bytes: one row at the least. */
static inline int64_t bit_piece_rows(int64_t count, size_t row_bytes, size_t bytes)
{
    return BIT_MIN(count, BIT_MAX((int64_t)(bytes / row_bytes), 1));
}
static inline size_t bit_piece_bytes(int64_t count, size_t row_bytes, size_t bytes)
{
    return BIT_MIN((size_t)count * row_bytes, BIT_MAX(bytes, row_bytes));
}

#endif
