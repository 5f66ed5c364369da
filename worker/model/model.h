/* The OLMo model on one rank: forward, backward, evaluation, as a list of operator calls. */
#ifndef BIT_WORKER_MODEL_H
#define BIT_WORKER_MODEL_H

#include <stdint.h>

#include "worker/model/state.h"

/**
 * Allocate everything the plan counts, once. The phase is 16-bit; weights and grad are zero.
 * Ownership   *out is the caller's; it borrows plan until destroyed
 * Errors      -ENOMEM; bit_exec_init's
 */
int bit_model_create(const struct bit_worker_plan *plan, enum bit_backend backend, struct bit_model **out);
void bit_model_destroy(struct bit_model *model);

/** From now on train (or evaluate) in this precision; strength in (0, 1], 1 in 16-bit. Allocates nothing. */
void bit_model_set_phase(struct bit_model *model, Bit__Precision precision, double strength);
struct bit_site_modes; /* activations.h */
/** From now on evaluate with some linears of each block in 16-bit and the others blended, their activations as they are
 * or, if `activations`, as their codes, and their weights as published. Not for training. Allocates nothing. */
void bit_model_set_part(struct bit_model *model, const struct bit_site_modes *modes, bool activations);

/** Tokens (instances, context) in the host's memory, before the model reads them. Errors: BIT_EDATA for an id beyond
 * the vocabulary, with its place */
int bit_model_check_tokens(const struct bit_worker_plan *plan, const uint32_t *tokens, int64_t instances);

/** Zero the gradient and the loss. Enqueued. */
int bit_model_clear(struct bit_model *model);

/**
 * Forward and backward of one micro-batch: grad += d(grad_scale * loss_sum)/dW, and the model's loss += loss_sum, the
 * sum over targets (context - 1 per instance), not scaled. Enqueued: bit_model_read_loss waits. tokens (instances,
 * context) in the backend's memory or the host's, checked by bit_model_check_tokens, must stay unchanged until then; 1
 * <= instances <= plan->micro_instances.
 * Order       deterministic for one number of threads; allocates nothing
 * Errors      an operator's
 * Numerics    operands plan->operands, sums f32; the residual stream and its gradient f32 (OLMo under autocast with f32
 *             parameters), or in 16-bit plan->residual (OLMo's parameters in bf16 under FSDP)
 */
int bit_model_accumulate(struct bit_model *model, const uint32_t *tokens, int64_t instances, double grad_scale);
/** The loss since bit_model_clear. Waits for all that is enqueued; errors of operators may be returned here. */
int bit_model_read_loss(struct bit_model *model, double *loss_sum);

/** Forward only, any number of instances: the loss summed over *targets targets. Waits. Clears the model's loss. */
int bit_model_evaluate(struct bit_model *model, const uint32_t *tokens, int64_t instances, double *loss_sum,
                       uint64_t *targets);

/** Forward of at most micro_instances instances; logits (instances, context, vocab_padded) f32, the caller's, in the
 * backend's memory. For tests. */
int bit_model_logits(struct bit_model *model, const uint32_t *tokens, int64_t instances, float *logits);

#endif
