/* Activations to int8 codes by row, with BitLinear's inner norm in front. */
#ifndef BIT_KERNELS_QUANTISE_H
#define BIT_KERNELS_QUANTISE_H
#include "kernels/norm.h"

enum bit_measure { BIT_MEASURE_ABSMAX, BIT_MEASURE_MEAN, BIT_MEASURE_MEDIAN };

BIT_OP_DECLARE(quantise);
/**
 * n = norm(x) (kind NONE: x);  scale[r] = levels / max(eps, M_c |n[r,c]|);  u = n scale;  code = clamp(rint(u), -128,
 * 127), half to even. M is the maximum, the mean or the lower median of the row. strength 1: q int8 codes. Below 1: q =
 * u + strength (code - u) as f32 or bf16. x (R, C) f32 or bf16; q (R, C) of q_dtype (BIT_I8 only at strength 1); scale,
 * mean, rstd (R) f32 (mean, rstd NULL if kind is NONE). Source      bitlinear v2.4.0 (levels 128), Microsoft's form
 * (127); arXiv 2502.11895
 */
struct bit_quantise_args {
    int64_t rows, cols;
    enum bit_norm_kind kind;
    float norm_eps;
    enum bit_measure measure;
    float levels, eps, strength;
    const void *x;
    enum bit_dtype x_dtype;
    void *q;
    enum bit_dtype q_dtype;
    float *scale, *mean, *rstd;
};
#endif
