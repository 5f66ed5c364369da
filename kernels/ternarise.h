/* Weights to -1, 0, 1. */
#ifndef BIT_KERNELS_TERNARISE_H
#define BIT_KERNELS_TERNARISE_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(ternarise);
/**
 * u = w scale; code = clamp(rint(u), -1, 1), half to even; *zeros += the number of codes that are 0.
 * Shapes      w, codes, out (count); codes or out may be NULL
 * Dtypes      codes int8; out, the operand of products, f32 or bf16: u + strength (code - u), the code at strength 1
 * Ownership   scale = 1 / max(eps, M|W|) lies in the backend's memory
 */
struct bit_ternarise_args {
    int64_t count;
    const float *w;
    const float *scale;
    float strength;
    int8_t *codes;
    void *out;
    enum bit_dtype out_dtype;
    uint64_t *zeros; /* may be NULL */
};

#endif
