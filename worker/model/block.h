/* One transformer block, both passes. */
#ifndef BIT_WORKER_BLOCK_H
#define BIT_WORKER_BLOCK_H

#include "worker/model/state.h"

/** The residual stream x (R, D) of block l's input, in its own x_att, becomes `next` (the next block's x_att). */
int bit_block_forward(struct bit_model *model, int l, int64_t instances, float *next);
/** arena->dx, the gradient at the block's output, becomes the one at its input; weight gradients are added. */
int bit_block_backward(struct bit_model *model, int l, int64_t instances);

#endif
