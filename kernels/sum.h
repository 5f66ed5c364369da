/* The sum of a buffer, in a fixed order of additions. */
#ifndef BIT_KERNELS_SUM_H
#define BIT_KERNELS_SUM_H

#include "kernels/clip.h" /* BIT_SUM_BLOCK */
#include "kernels/exec/op.h"

BIT_OP_DECLARE(sum);
#define BIT_SUM_LANES 256
/**
 * *sum += sum x, x (count) f32, *sum a double in the backend's memory, which the caller zeroes.
 * Order       blocks of BIT_SUM_BLOCK elements, each added to *sum in turn. In a block element i goes to lane i mod
 *             BIT_SUM_LANES, in order; then lane k + n is added to lane k, for n = BIT_SUM_LANES / 2, ... 2, 1. Every
 *             variant gives the same bits
 */
struct bit_sum_args {
    int64_t count;
    const float *x;
    double *sum;
};

#endif
