/*
 * Sizes of the matrix products' scratch memory, used by the workspace functions (matmul.h, bitlinear.h) and by the back
 * ends that lay it out. Each back end has its own layout:
 *
 *     cpu     a block of B, partial sums of C, and for each thread a slab of A's rows
 *     cuda    cuBLASLt's; then for matmul, f32 sums before their rounding to bf16; for bitlinear, the factors, and one
 *             piece at a time of each intermediate matrix
 */
#ifndef BIT_KERNELS_PRODUCT_PLAN_H
#define BIT_KERNELS_PRODUCT_PLAN_H

#include "kernels/bitlinear.h"
#include "kernels/matmul.h"
#include "proto/check.h"

/* ---- cpu */

#define BIT_GEMM_BLOCK_BYTES (1 << 20) /* the block of B, shared by the threads */
#define BIT_GEMM_SUMS_BYTES  (2 << 20) /* partial sums, where C cannot hold them */
#define BIT_GEMM_SLAB_BYTES  (1 << 19) /* packed rows of A, per thread */

static inline size_t bit_gemm_workspace(int threads)
{
    return BIT_GEMM_BLOCK_BYTES + BIT_GEMM_SUMS_BYTES + (size_t)threads * BIT_GEMM_SLAB_BYTES;
}

/* ---- cuda */

#define BIT_BLAS_WORKSPACE ((size_t)32 << 20) /* cuBLAS's own default on Hopper */
#define BIT_MATMUL_SCRATCH ((size_t)16 << 20) /* matmul's f32 sums before their rounding to bf16 */

#define BIT_FACTOR_BYTES 256                /* bitlinear's alpha and beta for cuBLASLt */
#define BIT_SUMS_BYTES   ((size_t)64 << 20) /* bitlinear's sums below strength 1, and gradients of several segments */
#define BIT_CODES_BYTES  ((size_t)64 << 20) /* codes converted to floats, for the gradient with respect to the input */

/** A piece of at most `bytes`, but at least one row, out of `count` rows of row_bytes: its rows, and its bytes. */
static inline int64_t bit_piece_rows(int64_t count, size_t row_bytes, size_t bytes)
{
    return BIT_MIN(count, BIT_MAX((int64_t)(bytes / row_bytes), 1));
}
static inline size_t bit_piece_bytes(int64_t count, size_t row_bytes, size_t bytes)
{
    return BIT_MIN((size_t)count * row_bytes, BIT_MAX(bytes, row_bytes));
}

#endif
