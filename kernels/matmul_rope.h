/* The 16-bit phase's product of q, k and v, fused with the rotation of q and k. Only where bit_fused_product_refused
 * (fused_product.h) has no objection. */
#ifndef BIT_KERNELS_MATMUL_ROPE_H
#define BIT_KERNELS_MATMUL_ROPE_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(matmul_rope);
/**
 * qkv = x W^T, rounded to bf16; then q and k are rotated: matmul and rope (rope.h, without its clamp) in this order.
 * Shapes      x (B T, K); w (3 H D, K); qkv (B, T, 3, H, D), D even, on CUDA 128; cos_sin (T, D / 2, 2). K >= 1
 * Dtypes      x, w and qkv bf16; sums, and the rotation, in f32
 * Order       each sum is in an order that depends only on K
 * Errors      as matmul_swiglu's, and -EINVAL on CUDA for another D
 * Ownership   qkv is disjoint from all others
 */
struct bit_matmul_rope_args {
    int64_t batch, time, heads, head_dim, k;
    const void *x, *w;
    const float *cos_sin;
    void *qkv;
};

#endif
