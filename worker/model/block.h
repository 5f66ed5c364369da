/* One transformer block, both passes. */
#ifndef BIT_WORKER_BLOCK_H
#define BIT_WORKER_BLOCK_H

#include "kernels/attention_branches.h"
#include "worker/model/state.h"

/* The rows of a forward pass: instances of one length, or packed sequences of any lengths. */
struct bit_extent {
    int64_t instances, time;           /* packed: 1 and the number of rows */
    const float *cos_sin;              /* (time, head_dim / 2, 2) */
    const struct bit_branch *branches; /* in the backend's memory; NULL: each instance is a sequence */
    int64_t branch_count, branch_time; /* attention_branches' count and time */
};

/** Reads the residual stream x (R, D) at block l's input from the block's x_att and writes the one at its output to
 * `next` (the next block's x_att). */
int bit_block_forward(struct bit_model *model, int l, const struct bit_extent *extent, void *next);
/** Replaces arena->dx, the gradient at the block's output, by the one at its input, and adds the weights' gradients. */
int bit_block_backward(struct bit_model *model, int l, int64_t instances);

#endif
