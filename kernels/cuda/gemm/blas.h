/* Matrix products of f32 and bf16 by cuBLASLt, for matmul and for bitlinear's blends and gradients. */
#ifndef BIT_KERNELS_CUDA_BLAS_H
#define BIT_KERNELS_CUDA_BLAS_H

#include "kernels/product_plan.h"

/* Row-major matrices whose rows may have gaps between them: *_row elements from one row to the next. */
struct bit_blas_args {
    enum bit_matmul_form form;
    int64_t m, n, k;
    const void *a, *b;
    int64_t a_row, b_row;
    enum bit_dtype ab_dtype;
    const float *alpha, *beta; /* on the GPU, both or neither: C = alpha A B + beta addend. NULL: 1 and 1 */
    const void *addend;        /* with c's layout and dtype; c itself or disjoint from it; NULL for none */
    void *c;
    int64_t c_row;
    enum bit_dtype c_dtype; /* f32, or bf16 if a and b are bf16 */
};

/**
 * Enqueues the product; exec->workspace's first BIT_BLAS_WORKSPACE bytes are cuBLASLt's.
 * Order       deterministic: one algorithm for each shape, kept in the exec's cache: the table's (product_search.h), or
 *             the heuristic's first; a sum that is split along k is combined in f32 and in a fixed order, never by
 *             atomics
 * Errors      -ENOMEM; BIT_ECUDA, also if cuBLASLt has no algorithm
 */
int bit_blas_cuda(const struct bit_exec *exec, const struct bit_blas_args *args);

#endif
