/* The memory of one rank's model: what its passes share, and what publishing writes. */
#ifndef BIT_WORKER_STATE_H
#define BIT_WORKER_STATE_H

#include <stdint.h>

#include "kernels/bitlinear.h"
#include "kernels/exec/exec.h"
#include "kernels/exec/replay.h"
#include "proto/check.h"
#include "worker/model/fusion.h"

struct bit_arena; /* activations.h */

enum bit_model_part { BIT_MODEL_FORWARD, BIT_MODEL_BACKWARD, BIT_MODEL_PARTS };

/*
 * Publishing (ranks/publish.h) writes these, at flat offsets:
 *     16-bit                all tensors, to weights
 *     ternary, strength 1   codes (bit_model_codes) and scales of the linears, and before training their transposes
 *                           (bit_model_turn_codes); weights of the embedding (and head)
 *     ternary, below 1      scales and weights of the linears, weights holding u + strength (code - u), u = W scale;
 *                           weights of the embedding (and head)
 * The model only reads them, and keeps nothing derived from them between calls.
 */
struct bit_model {
    const struct bit_worker_plan *plan; /* borrowed */
    struct bit_exec exec;               /* owned; others may run operators on it between calls of the model */

    /* In the backend's memory: */
    void *weights; /* (elements) of plan->operands; at full strength the linears' part holds codes instead */
    float *scales; /* one per segment, in flat order: 1 / max(eps, M|W|) */
    float *grad;   /* (elements): accumulate adds to it; NULL where the plan does not train */

    struct bit_segments *segments; /* one per linear: rows as in the plan; scale points into scales */

    Bit__Precision precision; /* in force: bit_model_set_phase */
    float strength;
    bool fused[BIT_FUSED_KINDS]; /* set by bit_fusion_choose before the first pass; otherwise nothing is fused */

    /* If set: called when accumulate enters a part, for measuring time. */
    void (*entered)(void *arg, enum bit_model_part part);
    void *entered_arg;

    /* If set: called within accumulate before it first reads weights below `end` of the flat vector, which may still be
     * arriving until then; `end` ascends, bucket by bucket (layout.h). Returns 0 or an error. */
    int (*need_weights)(void *arg, int64_t end);
    void *need_weights_arg;

    /* If set: called within accumulate as soon as this micro-batch adds nothing more to the gradient of the flat range
     * [begin, end), so that its reduction can begin. Ranges go from the end of the vector to its start and cover each
     * element once. */
    void (*grad_ready)(void *arg, int64_t begin, int64_t end);
    void *grad_ready_arg;

    struct bit_arena *arena;                   /* saved activations, scratch; private */
    struct bit_replay replay[BIT_MODEL_PARTS]; /* recorded passes, for those without callbacks; private */
};

/** The weight with this flat offset, in plan->operands. */
static inline void *bit_model_weight(const struct bit_model *model, int64_t offset)
{
    return (uint8_t *)model->weights + offset * (int64_t)bit_dtype_bytes(model->plan->operands);
}

/** The code of the linears' weight with this flat offset: one byte each, in the memory of those weights. */
static inline int8_t *bit_model_codes(const struct bit_model *model, int64_t offset)
{
    const int64_t begin = model->plan->linears[0].offset; /* the linears are one range of the flat vector */

    BIT_ASSERT(offset >= begin && offset <= begin + model->plan->linear_elements);
    return (int8_t *)bit_model_weight(model, begin) + (offset - begin);
}

/** The linear's transposed codes, (cols, rows): in the other half of that memory, after all codes. */
static inline int8_t *bit_model_turned_codes(const struct bit_model *model, const struct bit_linear *linear)
{
    return bit_model_codes(model, linear->offset) + model->plan->linear_elements;
}

#endif
