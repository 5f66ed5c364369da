/* The token id that each position must predict. */
#ifndef BIT_KERNELS_TARGETS_H
#define BIT_KERNELS_TARGETS_H

#include "kernels/exec/op.h"

#define BIT_TARGETS_IGNORE (-1) /* no loss and no gradient: the last position of an instance */

BIT_OP_DECLARE(targets);
/**
 * target[b,t] = ids[b,t+1]: each position predicts the next one. The last of an instance is BIT_TARGETS_IGNORE.
 * Shapes      ids, target (B, T)
 */
struct bit_targets_args {
    int64_t batch, time;
    const uint32_t *ids;
    int32_t *target;
};

#endif
