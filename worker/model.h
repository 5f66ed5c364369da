/* The OLMo model on one rank: forward, backward, evaluation, as a list of operator calls. */
#ifndef BIT_WORKER_MODEL_H
#define BIT_WORKER_MODEL_H

#include <stdint.h>

#include "kernels/bitlinear.h"
#include "kernels/exec.h"
#include "worker/plan.h"

struct bit_arena; /* activations.h */

/*
 * Whoever publishes weights writes these, at flat offsets:
 *     16-bit                every tensor of weights
 *     ternary, strength 1   codes and segments of the linears; weights of the embedding (and head)
 *     ternary, below 1      segments and weights of the linears, weights holding u + strength (code - u), u = W scale;
 *                           weights of the embedding (and head)
 * The model only reads them, and keeps nothing that is derived from them between calls.
 */
struct bit_model {
    const struct bit_plan *plan; /* borrowed */
    struct bit_exec exec;        /* owned; others may run operators with it between calls of the model */

    void *weights;                 /* (elements) of plan->operands */
    int8_t *codes;                 /* (elements), linears only */
    float *scales;                 /* one a segment, in flat order: 1 / max(eps, M|W|) */
    struct bit_segments *segments; /* one a linear: rows as the plan says, scale within scales */
    float *grad;                   /* (elements): accumulate adds to it; zeroing it is the caller's */

    Bit__Precision precision; /* in force: bit_model_set_phase */
    float strength;

    /* If set: called within accumulate as soon as the gradient of the flat range [begin, end) has this micro-batch's
     * last addition, so that its reduction can begin. Ranges come from the end of the vector to its start; each element
     * is named once. */
    void (*grad_ready)(void *arg, int64_t begin, int64_t end);
    void *grad_ready_arg;

    struct bit_arena *arena; /* saved activations, scratch; private */
};

/* Wall time of one call. */
struct bit_model_times {
    double forward_ms, backward_ms;
};

/**
 * Allocate all that plan counts, once. The phase is 16-bit, weights and grad are zero.
 * Ownership   *out is the caller's; it borrows plan until destroyed
 * Errors      -ENOMEM; bit_exec_init's
 */
int bit_model_create(const struct bit_plan *plan, enum bit_backend backend, struct bit_model **out);
void bit_model_destroy(struct bit_model *model);

/** From here on train (or evaluate) in this precision; strength in (0, 1], 1 in 16-bit. Allocates nothing. */
void bit_model_set_phase(struct bit_model *model, Bit__Precision precision, double strength);

/**
 * Forward and backward of one micro-batch: grad += d(grad_scale * loss_sum)/dW.
 * tokens (instances, context), ids < vocab (checked here); 1 <= instances <= plan->micro_instances.
 * *loss_sum = the sum over targets (context - 1 an instance), not scaled. times may be NULL.
 * Order       deterministic for one number of threads; allocates nothing
 * Errors      BIT_EDATA for an id beyond the vocabulary, with its place; an operator's
 * Numerics    the residual stream and its gradient are f32 in both phases, operands plan->operands, sums f32:
 *             OLMo under autocast with f32 parameters
 */
int bit_model_accumulate(struct bit_model *model, const uint16_t *tokens, int64_t instances, double grad_scale,
                         double *loss_sum, struct bit_model_times *times);

/** Forward only, any number of instances: the loss summed over *targets targets. */
int bit_model_evaluate(struct bit_model *model, const uint16_t *tokens, int64_t instances, double *loss_sum,
                       uint64_t *targets);

/** Forward of at most micro_instances; logits (instances, context, vocab_padded) f32, the caller's. For tests. */
int bit_model_logits(struct bit_model *model, const uint16_t *tokens, int64_t instances, float *logits);

#endif
