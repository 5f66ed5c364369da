/* The 16-bit phase's matrix product, in the three orientations that training needs. */
#ifndef BIT_KERNELS_MATMUL_H
#define BIT_KERNELS_MATMUL_H

#include "kernels/exec/op.h"

enum bit_matmul_form {
    BIT_MATMUL_NT, /* C (M, N)  = A (M, K)   B (N, K)^T    forward: x W^T       */
    BIT_MATMUL_NN, /* C (M, N)  = A (M, K)   B (K, N)      data gradient: dY W  */
    BIT_MATMUL_TN, /* C (M, N)  = A (K, M)^T B (K, N)      weight gradient: dY^T x */
};

BIT_OP_DECLARE(matmul);
/**
 * C = A B, plus the addend if there is one, with A or B transposed according to the form. All row-major and dense.
 * Dtypes      a, b both f32 or both bf16; c and addend f32 or bf16 (a bf16 addend needs bf16 a, b); the sum, including
 *             the addend, is in f32, and a bf16 c is rounded once
 * Order       deterministic for one number of threads; with k = 0 the sum is empty
 * Accuracy    each of the k terms is exact before it is added (bf16) or rounded once (f32): the error is at most
 *             k 2^-24 sum |a b|, and 2^-9 of the result where c is bf16
 * Errors      -EINVAL on a dtype or dimension that no variant takes; -ENOMEM
 */
struct bit_matmul_args {
    enum bit_matmul_form form;
    int64_t m, n, k;
    const void *a, *b;
    enum bit_dtype ab_dtype;
    void *c;
    enum bit_dtype c_dtype;
    const void *addend; /* (M, N) of c's dtype, c itself or disjoint from it; NULL for none */
};
/** Scratch bytes: the same for all sizes. */
size_t bit_matmul_workspace(enum bit_backend backend, int threads);

#endif
