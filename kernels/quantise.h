/* Activations to int8 codes by row, after BitLinear's inner norm. */
#ifndef BIT_KERNELS_QUANTISE_H
#define BIT_KERNELS_QUANTISE_H

#include "kernels/norm.h"

enum bit_measure { BIT_MEASURE_ABSMAX, BIT_MEASURE_MEAN, BIT_MEASURE_MEDIAN };

BIT_OP_DECLARE(quantise);
/**
 *     n = (x - mean) rstd (kind NONE: x)      rstd = 1 / sqrt(var_factor var + norm_eps), norm.h
 *     scale[r] = levels / max(eps, M_c |n[r,c]|)
 *     u = n scale        code = clamp(rint(u), -128, 127), half to even        blend = u + strength (code - u)
 * M is the maximum, the mean or the lower median (element (C-1)/2 in sorted order) of the row.
 * Shapes      x, q, operand (R, C) row-major, C >= 1; scale, mean, rstd (R)
 * Dtypes      x f32 or bf16; q int8 codes at strength 1, f32 or bf16 blends at any strength; operand f32 or bf16;
 *             scale, mean, rstd f32 (with kind NONE mean and rstd are not written and may be NULL)
 * Outputs     operand, NULL for none: the dequantised codes or blends, bit-identical to operand.h's
 * Ownership   all borrowed; q and operand alias nothing
 * Accuracy    mean and rstd within 2^-20 of the reference's; n, u and scale are each rounded once, in this order: with
 *             kind NONE and the maximum or the median the codes equal the reference's. Otherwise scale is within 2^-20,
 *             and a code may differ by one where u is that near to a half
 * Errors      -EINVAL on a bad shape or dtype; -ENOMEM
 * Source      bitlinear v2.4.0 (levels 128), Microsoft's form (127); arXiv 2502.11895
 */
struct bit_quantise_args {
    int64_t rows, cols;
    enum bit_norm_kind kind;
    float var_factor, norm_eps; /* not read with kind NONE */
    enum bit_measure measure;
    float levels, eps, strength;
    const void *x;
    enum bit_dtype x_dtype;
    void *q;
    enum bit_dtype q_dtype;
    float *scale, *mean, *rstd;
    void *operand;
    enum bit_dtype operand_dtype; /* not read without one */
};

#endif
