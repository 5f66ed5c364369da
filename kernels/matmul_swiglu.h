/* The 16-bit phase's matrix products fused with SwiGLU, forward and backward, so that the values between them are not
 * written to memory and read again. Only where bit_fused_product_refused (fused_product.h) has no objection. */
#ifndef BIT_KERNELS_MATMUL_SWIGLU_H
#define BIT_KERNELS_MATMUL_SWIGLU_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(matmul_swiglu);
/**
 * ug = x W^T, then y = up silu(gate): matmul and swiglu (swiglu.h) in this order. y is computed from the rounded ug.
 * Shapes      x (M, K); w (2 N, K): rows of up, then rows of gate; ug (M, 2 N); y (M, N). K >= 1
 * Dtypes      all bf16; sums in f32
 * Order       each sum is in an order that depends only on K
 * Errors      -EINVAL on a dimension, or on CUDA if rows or addresses are not multiples of 16 bytes; -ENOTSUP on other
 *             GPUs than Hopper
 * Ownership   y and ug are disjoint from all others
 */
struct bit_matmul_swiglu_args {
    int64_t m, n, k;
    const void *x, *w;
    void *ug, *y;
};

BIT_OP_DECLARE(matmul_swiglu_backward);
/**
 * dn = dy W, rounded to bf16, then dug from dn and ug: matmul and swiglu_backward in this order. dn is not stored.
 * Shapes      dy (M, K); w (K, N); ug, dug (M, 2 N). K >= 1
 * Dtypes, Order, Errors: as matmul_swiglu's
 * Ownership   dug may alias ug
 */
struct bit_matmul_swiglu_backward_args {
    int64_t m, n, k;
    const void *dy, *w, *ug;
    void *dug;
};

#endif
