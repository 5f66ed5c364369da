/* One transformer block, both passes. */
#ifndef BIT_WORKER_BLOCK_H
#define BIT_WORKER_BLOCK_H

#include "kernels/attention_branches.h"
#include "worker/model/state.h"

/* What the rows of a forward pass are: instances of one length, or sequences of any lengths, packed. */
struct bit_extent {
    int64_t instances, time;           /* packed: 1, and all rows */
    const float *cos_sin;              /* (time, head_dim / 2, 2) */
    const struct bit_branch *branches; /* in the backend's memory; NULL: each instance is a sequence */
    int64_t branch_count, branch_time; /* attention_branches' count and time */
};

/** The residual stream x (R, D) of block l's input, in its own x_att, becomes `next` (the next block's x_att). */
int bit_block_forward(struct bit_model *model, int l, const struct bit_extent *extent, void *next);
/** arena->dx, the gradient at the block's output, becomes the one at its input; weight gradients are added. */
int bit_block_backward(struct bit_model *model, int l, int64_t instances);

#endif
