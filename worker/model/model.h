/* The OLMo model on one rank: forward, backward, evaluation, as a list of operator calls. */
#ifndef BIT_WORKER_MODEL_H
#define BIT_WORKER_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/bitlinear.h"
#include "kernels/exec.h"
#include "kernels/replay.h"
#include "worker/model/plan.h"

struct bit_arena; /* activations.h */

enum bit_model_part { BIT_MODEL_FORWARD, BIT_MODEL_BACKWARD, BIT_MODEL_PARTS };

/*
 * Whoever publishes weights writes these, at flat offsets:
 *     16-bit                every tensor of weights
 *     ternary, strength 1   codes (bit_model_codes) and scales of the linears; weights of the embedding (and head)
 *     ternary, below 1      scales and weights of the linears, weights holding u + strength (code - u), u = W scale;
 *                           weights of the embedding (and head)
 * The model only reads them, and keeps nothing that is derived from them between calls.
 */
struct bit_model {
    const struct bit_plan *plan; /* borrowed */
    struct bit_exec exec;        /* owned; others may run operators with it between calls of the model */

    /* In the backend's memory: */
    void *weights; /* (elements) of plan->operands; the linears' place holds codes instead at full strength */
    float *scales; /* one a segment, in flat order: 1 / max(eps, M|W|) */
    float *grad;   /* (elements): accumulate adds to it */

    struct bit_segments *segments; /* one a linear: rows as the plan says, scale within scales */

    Bit__Precision precision; /* in force: bit_model_set_phase */
    float strength;

    /* If set: called as accumulate goes from one part to the next, for those who measure time. */
    void (*entered)(void *arg, enum bit_model_part part);
    void *entered_arg;

    /* If set: called within accumulate as soon as the gradient of the flat range [begin, end) has this micro-batch's
     * last addition, so that its reduction can begin. Ranges come from the end of the vector to its start; each element
     * is named once. */
    void (*grad_ready)(void *arg, int64_t begin, int64_t end);
    void *grad_ready_arg;

    struct bit_arena *arena;                   /* saved activations, scratch; private */
    struct bit_replay replay[BIT_MODEL_PARTS]; /* of a micro-batch that nobody is told of in between; private */
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

/** Tokens (instances, context) in the host's memory, before the model reads them. Errors: BIT_EDATA for an id beyond
 * the vocabulary, with its place */
int bit_model_check_tokens(const struct bit_plan *plan, const uint16_t *tokens, int64_t instances);

/** Gradient and loss to zero. Enqueued. */
int bit_model_clear(struct bit_model *model);

/**
 * Forward and backward of one micro-batch: grad += d(grad_scale * loss_sum)/dW, and the model's loss += loss_sum, the
 * sum over targets (context - 1 an instance), not scaled. Enqueued: bit_model_read_loss waits. tokens (instances,
 * context) in the backend's memory or the host's, which bit_model_check_tokens has looked at, left alone until then;
 * 1 <= instances <= plan->micro_instances.
 * Order       deterministic for one number of threads; allocates nothing
 * Errors      an operator's
 * Numerics    the residual stream and its gradient are f32 in both phases, operands plan->operands, sums f32:
 *             OLMo under autocast with f32 parameters
 */
int bit_model_accumulate(struct bit_model *model, const uint16_t *tokens, int64_t instances, double grad_scale);
/** The loss since bit_model_clear. Waits for all that is enqueued; errors of operators may come out here. */
int bit_model_read_loss(struct bit_model *model, double *loss_sum);

/** Where the code of the linears' weight with this flat offset is: one byte each, in the place of those weights. */
int8_t *bit_model_codes(const struct bit_model *model, int64_t offset);

/** Forward only, any number of instances: the loss summed over *targets targets. Waits. Clears the model's loss. */
int bit_model_evaluate(struct bit_model *model, const uint16_t *tokens, int64_t instances, double *loss_sum,
                       uint64_t *targets);

/** Forward of at most micro_instances; logits (instances, context, vocab_padded) f32 in the backend's memory, the
 * caller's. For tests. */
int bit_model_logits(struct bit_model *model, const uint16_t *tokens, int64_t instances, float *logits);

#endif
