/*
 * From the MLP's up and gate to the codes of the linear after them, and the gradient back: swiglu (swiglu.h) and
 * quantise (quantise.h) fused, so that the R x C values between them are not stored.
 */
#ifndef BIT_KERNELS_SWIGLU_QUANTISE_H
#define BIT_KERNELS_SWIGLU_QUANTISE_H

#include "kernels/quantise.h"

BIT_OP_DECLARE(swiglu_quantise);
/**
 * y = swiglu(ug), rounded to `dtype` as swiglu stores it; q, scale, mean, rstd and operand = quantise(y).
 * Dtypes      q as quantise has it: int8 codes at strength 1, f32 or bf16 blends at any; operand of `dtype`
 * Shapes      ug (R, 2C): up, then gate; q, operand (R, C); scale, mean, rstd (R), mean and rstd NULL if kind is NONE
 * Outputs     operand as quantise has it, NULL for none
 * Accuracy    the bits of the two operators in sequence; on a GPU mean and rstd may differ in their last bits for rows
 *             that are too long or not aligned, which are summed in another order
 */
struct bit_swiglu_quantise_args {
    int64_t rows, cols;
    enum bit_norm_kind kind;
    float norm_eps;
    enum bit_measure measure;
    float levels, eps, strength;
    const void *ug;
    enum bit_dtype dtype; /* f32 or bf16 */
    void *q;
    enum bit_dtype q_dtype;
    float *scale, *mean, *rstd;
    void *operand;
};

BIT_OP_DECLARE(swiglu_norm_backward);
/**
 * From dn, the gradient with respect to the output of y's norm, to dug: norm_backward (its dx rounded to dtype), then
 * swiglu_backward; y is recomputed. kind NONE: dn is y's own gradient. operand: the normed y, recomputed, operand.h.
 * Shapes      ug, dug (R, 2C); dn (R, C); mean, rstd (R)
 * Ownership   dug may alias ug; no other buffers overlap
 */
struct bit_swiglu_norm_backward_args {
    int64_t rows, cols;
    enum bit_norm_kind kind;
    const void *ug;
    const float *mean, *rstd; /* swiglu_quantise's */
    const void *dn;           /* (R, C) */
    void *dug;
    enum bit_dtype dtype; /* of ug, dn and dug */
    struct bit_operand operand;
};
/** Bytes of exec->workspace that either operator needs for rows of `cols` columns. */
size_t bit_swiglu_quantise_workspace(enum bit_backend backend, int64_t cols, enum bit_dtype dtype);

#endif
