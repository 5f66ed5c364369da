/* The transpose of a matrix of codes, for the gradient with respect to the input where that product is in int8. */
#ifndef BIT_KERNELS_TRANSPOSE_H
#define BIT_KERNELS_TRANSPOSE_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(transpose);
/**
 * y[c, r] = x[r, c].
 * Shapes      x (R, C); y (C, R)
 * Ownership   borrowed; y is disjoint from x
 * Errors      -EINVAL on a bad shape
 */
struct bit_transpose_args {
    int64_t rows, cols;
    const int8_t *x;
    int8_t *y;
};

#endif
