/* The 16-bit phase's matrix product, in the three orientations that training needs. */
#ifndef BIT_KERNELS_MATMUL_H
#define BIT_KERNELS_MATMUL_H
#include "kernels/op.h"

enum bit_matmul_form {
    BIT_MATMUL_NT, /* C (M, N)  = A (M, K)   B (N, K)^T    forward: x W^T       */
    BIT_MATMUL_NN, /* C (M, N)  = A (M, K)   B (K, N)      data gradient: dY W  */
    BIT_MATMUL_TN, /* C (M, N)  = A (K, M)^T B (K, N)      weight gradient: dY^T x */
};

BIT_OP_DECLARE(matmul);
/** C = A B (accumulate: C += A B), all row-major and dense. a, b f32 or both bf16; c f32 or bf16 (accumulate needs
 * f32). f32 accumulation. Deterministic for one number of threads. */
struct bit_matmul_args {
    enum bit_matmul_form form;
    int64_t m, n, k;
    const void *a, *b;
    enum bit_dtype ab_dtype;
    void *c;
    enum bit_dtype c_dtype;
    int accumulate;
};
#endif
