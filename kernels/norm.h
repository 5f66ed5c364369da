/* Norms over the last dimension, without parameters: LayerNorm and RMSNorm. */
#ifndef BIT_KERNELS_NORM_H
#define BIT_KERNELS_NORM_H
#include "kernels/op.h"
#include "kernels/operand.h"

enum bit_norm_kind { BIT_NORM_NONE, BIT_NORM_LAYER, BIT_NORM_RMS };

BIT_OP_DECLARE(norm);
/**
 * LAYER  y = (x - mean) rstd, rstd = 1/sqrt(var + eps), biased variance.   RMS  y = x rstd, rstd = 1/sqrt(mean(x^2) +
 * eps), mean 0. x (R, C) f32 or bf16; y (R, C) f32 or bf16; mean, rstd (R) f32, kept for the backward pass (may be
 * NULL).
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
 * dx = rstd (dy - mean(dy) - xhat mean(dy xhat)), xhat = (x - mean) rstd; RMS without the mean(dy) term.
 * accumulate: dx += instead (the residual stream's gradient). dy f32 or bf16; dx f32 or bf16. dx may alias dy, or
 * x if there is no operand, if dtypes agree. copy: the new dx once more, as the operand of the products behind it; NULL
 * for none, and with an f32 dx only. operand: the norm's output once more, operand.h, n = (x - mean) rstd. kind NONE,
 * for its sake: dx = dy, n = x, and there is neither mean nor rstd.
 */
struct bit_norm_backward_args {
    int64_t rows, cols;
    enum bit_norm_kind kind;
    const void *x;
    enum bit_dtype x_dtype;
    const float *mean, *rstd;
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
