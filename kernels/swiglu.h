/* SwiGLU in OLMo's layout: the first half of the columns is up, the second half is gate, which goes through silu. */
#ifndef BIT_KERNELS_SWIGLU_H
#define BIT_KERNELS_SWIGLU_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(swiglu);
/**
 * y[r,c] = up[r,c] silu(gate[r,c]), up = ug[:, :C], gate = ug[:, C:].
 * Shapes      ug (R, 2C); y (R, C)
 * Dtypes      both f32 or both bf16; computed in f32
 */
struct bit_swiglu_args {
    int64_t rows, cols;
    const void *ug;
    void *y;
    enum bit_dtype dtype;
};

BIT_OP_DECLARE(swiglu_backward);
/**
 * dug from dy and ug.
 * Shapes      dug, ug (R, 2C); dy (R, C); y (R, C), swiglu's output recomputed, with the same bits, or NULL
 * Dtypes      dug, ug, y of `dtype`; dy f32 or bf16
 * Ownership   dug may alias ug; y is disjoint from all others
 */
struct bit_swiglu_backward_args {
    int64_t rows, cols;
    const void *ug;
    const void *dy;
    enum bit_dtype dy_dtype;
    void *dug;
    enum bit_dtype dtype;
    void *y;
};

#endif
