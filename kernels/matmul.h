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
 * C = A B, or addend + A B where there is one, with A or B turned as the form says. All row-major and dense.
 * Dtypes      a, b both f32 or both bf16; c and addend f32 or bf16 (an addend in bf16 needs a, b of it); sums in f32,
 *             the addend's among them: a bf16 c is rounded once
 * Order       deterministic for one number of threads; k = 0 is a sum of nothing
 * Accuracy    each of the k terms is exact before it is added (bf16) or rounded once (f32): the error is at most
 *             k 2^-24 sum |a b|, and 2^-9 of the result where c is bf16
 * Errors      -EINVAL on a dtype or side that no variant takes; -ENOMEM
 */
struct bit_matmul_args {
    enum bit_matmul_form form;
    int64_t m, n, k;
    const void *a, *b;
    enum bit_dtype ab_dtype;
    void *c;
    enum bit_dtype c_dtype;
    const void *addend; /* (M, N) of c's dtype, c itself or apart from it; NULL for none */
};
/** Scratch bytes, whatever the sizes. */
size_t bit_matmul_workspace(enum bit_backend backend, int threads);

#endif
