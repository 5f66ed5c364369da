/* SwiGLU as OLMo orders it: the first half is multiplied, the second half goes through silu. */
#ifndef BIT_KERNELS_SWIGLU_H
#define BIT_KERNELS_SWIGLU_H
#include "kernels/op.h"

BIT_OP_DECLARE(swiglu);
/** y[r,c] = up[r,c] silu(gate[r,c]), up = ug[:, :C], gate = ug[:, C:]. ug (R, 2C), y (R, C), one dtype, f32 or bf16;
 * f32 inside. */
struct bit_swiglu_args {
    int64_t rows, cols;
    const void *ug;
    void *y;
    enum bit_dtype dtype;
};

BIT_OP_DECLARE(swiglu_backward);
/** dug (R, 2C) from dy (R, C) and ug. dug may alias ug. dy's dtype may differ. y (R, C), or NULL: swiglu's output once
 * more, its bits, apart from all else. */
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
