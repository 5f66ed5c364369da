/* A matrix of codes turned: what the gradient at the input multiplies with, where that product is of int8. */
#ifndef BIT_KERNELS_TRANSPOSE_H
#define BIT_KERNELS_TRANSPOSE_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(transpose);
/**
 * y[c, r] = x[r, c].
 * Shapes      x (R, C); y (C, R)
 * Ownership   borrowed; y is apart from x
 * Errors      -EINVAL on a bad shape
 */
struct bit_transpose_args {
    int64_t rows, cols;
    const int8_t *x;
    int8_t *y;
};

#endif
