/* Between f32 and bf16, and scaling on the way. */
#ifndef BIT_KERNELS_CAST_H
#define BIT_KERNELS_CAST_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(cast);
/**
 * y = scale x. Any of f32 and bf16 on either side; accumulate (f32 y only): y += scale x.
 * Accuracy    rounded once or twice to f32, then to bf16 to nearest, ties to even; exact where scale is 1. A bf16 y may
 *             be zero where the value is subnormal (below 2^-126): some processors' conversion takes it so
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
