/*
 * Norms over the last dimension, without parameters: LayerNorm and RMSNorm.
 *
 * Two norms in a row are one norm. For a row x with variance v, LN(x) has mean 0 and variance v / (v + e). So for
 * LayerNorm and RMSNorm as the second norm, with epsilon i,
 *     norm(LN(x)) = (x - mean) / (sqrt(v + e) sqrt(v / (v + e) + i)) = (x - mean) / sqrt((1 + i) v + e i).
 * Operators that fuse both take var_factor = 1 + i and eps = e i; var_factor is 1 for a single norm.
 */
#ifndef BIT_KERNELS_NORM_H
#define BIT_KERNELS_NORM_H

#include "kernels/exec/op.h"
#include "kernels/operand.h"

enum bit_norm_kind { BIT_NORM_NONE, BIT_NORM_LAYER, BIT_NORM_RMS };

BIT_OP_DECLARE(norm);
/**
 *     LAYER   y = (x - mean) rstd, rstd = 1/sqrt(var + eps), biased variance
 *     RMS     y = x rstd, rstd = 1/sqrt(mean(x^2) + eps); mean is 0
 * Shapes      x, y (R, C); mean, rstd (R), kept for the backward pass; they may be NULL
 * Dtypes      x, y f32 or bf16; mean, rstd f32
 */
struct bit_norm_args {
    int64_t rows, cols;
    enum bit_norm_kind kind;
    float eps;
    const void *x;
    enum bit_dtype x_dtype;
    void *y;
    enum bit_dtype y_dtype;
    float *mean, *rstd;
};

BIT_OP_DECLARE(norm_backward);
/**
 *     xhat = (x - mean) rstd      dx = rstd (dy - mean(dy) - var_factor xhat mean(dy xhat))
 * RMS has no mean(dy) term. kind NONE, for callers that need the operand only: dx = dy, n = x, no mean, no rstd.
 * Shapes      x, dy, dx, copy (R, C); mean, rstd (R) as the forward pass stored them
 * Dtypes      x, dy, dx f32 or bf16; mean, rstd, var_factor f32
 * Outputs     dx, or dx += with accumulate (the residual stream's gradient); copy: the new dx in copy_dtype, as the
 *             operand of the products after it, NULL for none, only with an f32 dx; operand: the norm's output,
 *             recomputed, operand.h with n = xhat
 * Ownership   if dtypes agree, dx may alias dy, or x if there is no operand
 */
struct bit_norm_backward_args {
    int64_t rows, cols;
    enum bit_norm_kind kind;
    const void *x;
    enum bit_dtype x_dtype;
    const float *mean, *rstd;
    float var_factor; /* the forward pass's; not read with kind NONE */
    const void *dy;
    enum bit_dtype dy_dtype;
    void *dx;
    enum bit_dtype dx_dtype;
    int accumulate;
    void *copy;
    enum bit_dtype copy_dtype;
    struct bit_operand operand;
};

#endif
