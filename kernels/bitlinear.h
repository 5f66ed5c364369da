/*
 * The ternary phase's linear layer: y = (q codes^T) / (x_scale w_scale), and its straight-through gradient with respect
 * to the input. The weight's gradient is a plain product (matmul.h) with the dequantised input (operand.h).
 */
#ifndef BIT_KERNELS_BITLINEAR_H
#define BIT_KERNELS_BITLINEAR_H

#include "kernels/exec/op.h"

#define BIT_SEGMENTS_MAX    3
#define BIT_BITLINEAR_K_MAX 65536 /* 128 K <= 2^23: sums of codes are exact in int32, and in f32 */

/* Rows of W that share a scale: one segment for a fused matrix, or one for each projection (q, k, v; up, gate). */
struct bit_segments {
    int count;
    int64_t rows[BIT_SEGMENTS_MAX]; /* they add up to N */
    const float *scale;             /* (count) 1 / max(eps, M|W|), in the backend's memory */
};

BIT_OP_DECLARE(bitlinear);
/**
 * y = q w^T / (x_scale[m] segment scale[n]), plus the addend if there is one (the residual stream).
 * Shapes      q (M, K); w (N, K); x_scale (M); y, addend (M, N)
 * Dtypes      at strength 1 q and w are BIT_I8, w -1, 0 or 1, and the integer sum is exact; below 1 both are f32 or
 *             both bf16, with sums in f32. x_scale f32; y f32 or bf16 (an addend needs f32)
 * Accuracy    unit = 1 / (x_scale scale), both operations rounded; y = sum unit, or y = fma(sum, unit, addend): int8
 *             results are bit-identical to the reference's
 * Order       deterministic for any number of threads
 * Errors      -EINVAL on a bad shape, dtype or segments; -ENOMEM
 */
struct bit_bitlinear_args {
    int64_t m, n, k;
    const void *q, *w;
    enum bit_dtype qw_dtype;
    const float *x_scale;
    struct bit_segments segments;
    void *y;
    enum bit_dtype y_dtype;
    const float *addend; /* (M, N), y itself or disjoint from it; NULL for none */
};

BIT_OP_DECLARE(bitlinear_backward_data);
/**
 * dn = (dy / segment scale) w: the gradient with respect to the (normed) input.
 * Shapes      dn (M, K); dy (M, N); w (N, K)
 * Dtypes      dy, dn f32 or bf16; products in dy's dtype, to which an int8 w converts exactly
 * Accuracy    the scale is applied to each segment's sum, so it adds no rounding to bf16 operands
 */
struct bit_bitlinear_backward_data_args {
    int64_t m, n, k;
    const void *dy;
    enum bit_dtype dy_dtype;
    const void *w;
    enum bit_dtype w_dtype;
    struct bit_segments segments;
    void *dn;
    enum bit_dtype dn_dtype;
};

/** Scratch bytes that either operator may need at these sizes; enough for fewer rows, too. */
size_t bit_bitlinear_workspace(enum bit_backend backend, int threads, int64_t m, int64_t n, int64_t k);

#endif
