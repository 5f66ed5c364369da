/* The layers before the first block and after the last: embedding, final norm, logits, loss. */
#ifndef BIT_WORKER_HEAD_H
#define BIT_WORKER_HEAD_H

#include "worker/model/state.h"

/** Gather the embeddings of (R) tokens, in the backend's memory, into x (R, D). */
int bit_head_embed(struct bit_model *model, const uint32_t *tokens, int64_t rows, void *x);
/** Add arena->dx to the embedding's gradient. */
int bit_head_embed_backward(struct bit_model *model, const uint32_t *tokens, int64_t instances);

/** Loss only: added to arena->loss_sum, over context - 1 targets per instance. */
int bit_head_loss(struct bit_model *model, int64_t instances);
/** Loss and gradient in one pass, plan->head_rows positions at a time: fills arena->dx and dx_operand, adds to the
 * head's gradient. */
int bit_head_loss_backward(struct bit_model *model, int64_t instances, double grad_scale);
/** The head's weights (V, D): the embedding's if tied. */
const void *bit_head_weights(const struct bit_model *model);
/** All logits (R, V) in f32. For tests. */
int bit_head_logits(struct bit_model *model, int64_t instances, float *logits);

#endif
