/* The norm of the gradient, which is sharded over the ranks, and the factor that clips it. */
#ifndef BIT_KERNELS_CLIP_H
#define BIT_KERNELS_CLIP_H

#include "kernels/exec/op.h"

#define BIT_SUM_BLOCK 16384 /* elements in one partial sum */

BIT_OP_DECLARE(sumsq);
#define BIT_SUMSQ_LANES 16
/**
 * sums[b] = sum of g^2 over block b of BIT_SUM_BLOCK elements, in double.
 * Shapes      g (count); sums (ceil(count / BIT_SUM_BLOCK))
 * Order       element i of a block goes to partial sum i mod BIT_SUMSQ_LANES, and these are added in order. The square
 *             of an f32 is exact in double, so every variant gives the same bits
 */
struct bit_sumsq_args {
    int64_t count;
    const float *g;
    double *sums;
};

BIT_OP_DECLARE(clip);
#define BIT_CLIP_LANES 256
/**
 * *norm = sqrt(sum of sums); *scale = min(1, clip_norm / (*norm + 1e-6)), or 1 if clip_norm is 0, or NaN if the norm is
 * NaN or infinite.
 * Shapes      sums (blocks)
 * Order       sums[b] goes to partial sum b mod BIT_CLIP_LANES, and these are added in order: every variant gives the
 *             same bits, for any number of ranks that computed the blocks
 * Source      torch.nn.utils.clip_grad_norm_, which multiplies by the factor even when it is 1
 */
struct bit_clip_args {
    int64_t blocks;
    const double *sums;
    double clip_norm;
    double *norm, *scale;
};

#endif
