/* Log-likelihoods of packed requests: forward passes only. */
#ifndef BIT_WORKER_SCORE_H
#define BIT_WORKER_SCORE_H

#include "worker/model/packs.h"
#include "worker/model/state.h"

/**
 * loss[t] = -log softmax(logits of row[t])[target[t]] for the targets of packs first, first + step, first + 2 step ...;
 * other packs' entries are unchanged. Waits. The model is at full strength. Uses training's memory, the plan's arena
 * laid out anew: everything that a step keeps between its passes is lost.
 * Order       A token's bits depend on the request alone, on a processor; on a GPU also on its place in its pack,
 *             because cuBLASLt computes the products
 * Errors      an operator's; -ENOMEM
 * Numerics    as the model's; logits are f32 sums of the operands' products, and the softmax is f32
 */
int bit_score(struct bit_model *model, const struct bit_packs *packs, int64_t first, int64_t step, float *loss);

#endif
