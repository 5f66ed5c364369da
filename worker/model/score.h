/* Log-likelihoods: packed requests through the model, forward alone. */
#ifndef BIT_WORKER_SCORE_H
#define BIT_WORKER_SCORE_H

#include "worker/model/packs.h"
#include "worker/model/state.h"

/**
 * loss[t] = -log softmax(logits of row[t])[target[t]] for the targets of packs first, first + step, first + 2 step ...;
 * those of other packs are left alone. Waits. The model is at full strength; all that a step keeps between its passes
 * is lost. Memory is what training has: the plan's arena, laid out anew.
 * Order       A token's bits depend on the request alone, on a processor; on a GPU also on where it lies in its pack,
 *             because the products are cuBLASLt's
 * Errors      an operator's; -ENOMEM
 * Numerics    as the model's; logits are f32 sums of the operands' products, and the softmax is f32
 */
int bit_score(struct bit_model *model, const struct bit_packs *packs, int64_t first, int64_t step, float *loss);

#endif
