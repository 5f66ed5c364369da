/* Weights to -1, 0, 1. */
#ifndef BIT_KERNELS_TERNARISE_H
#define BIT_KERNELS_TERNARISE_H

#include "kernels/op.h"

BIT_OP_DECLARE(ternarise);
/**
 * u = w scale, scale = 1 / max(eps, M|W|) in the backend's memory;  code = clamp(rint(u), -1, 1), half to even. codes
 * int8; out, the operand of products: u + strength (code - u) as out_dtype, the code itself at strength 1. Either may
 * be NULL. *zeros += how many codes are 0.
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
