/* Conversion between f32 and bf16, with an optional factor. */
#ifndef BIT_KERNELS_CAST_H
#define BIT_KERNELS_CAST_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(cast);
/**
 * y = scale x, or y += scale x with accumulate (f32 y only). x and y are each f32 or bf16.
 * Accuracy    rounded once or twice to f32, then to bf16 to nearest, ties to even; exact where scale is 1. A bf16 y may
 *             be zero where the value is subnormal (below 2^-126): some processors' conversion flushes it
 */
struct bit_cast_args {
    int64_t count;
    const void *x;
    enum bit_dtype x_dtype;
    void *y;
    enum bit_dtype y_dtype;
    float scale;
    int accumulate;
};

#endif
