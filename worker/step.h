/* One global step of training, and one evaluation, on every rank at once. */
#ifndef BIT_WORKER_STEP_H
#define BIT_WORKER_STEP_H

#include "worker/action.h"
#include "worker/inspect.h"
#include "worker/power.h"
#include "worker/ranks/worker_state.h"

/* What a step came to; the same on every rank, but for the texts of an error. */
struct bit_step_result {
    double loss, grad_norm;
    double ms[BIT_SECTION_SPLIT]; /* of the slowest rank */
    int slowest_rank;
    struct bit_publish_counts counts; /* over all ranks */
    uint64_t weights_digest;          /* if it was asked for */
    bool skipped;                     /* no update was made; a loss or norm that is NaN or infinite is 0 then */
    struct bit_inspection seen;       /* what was wrong with it */
    int gpus;                         /* that told what they do: */
    struct bit_power_load load;       /* the lowest clock, the power of all together, else the highest of all */
};

/**
 * Do the step that `action` orders: publish the weights for its phase, hand out `batch` (rank 0's), forward and
 * backward in micro-batches, compare copies of the weights if it says so, reduce, clip, update. worker->step and Adam's
 * count move on; the update is left out, and Adam's count stays, where the action's bounds or skip_nan say so.
 * *result is zeroed by the caller: what is seen is added to it.
 * Collective  yes; one outcome for all ranks: it follows from numbers that all of them have gathered
 * Errors      BIT_EPHASE if this is not the next step or not the phase; BIT_EDATA for an id beyond the vocabulary;
 *             without skip_nan, BIT_ENUMERIC for a loss or gradient that is NaN or infinite. Nothing was updated then;
 *             worker->comm->failed_rank names the rank. A failure that the others cannot know ends in bit_comm_abort().
 */
int bit_step_train(struct bit_worker *worker, const struct bit_action *action, const uint8_t *batch,
                   struct bit_step_result *result);

/** Forward only. *loss is the mean over *targets. Errors and the rest as above; training is left as it was. */
int bit_step_evaluate(struct bit_worker *worker, const struct bit_action *action, const uint8_t *batch, double *loss,
                      uint64_t *targets);

#endif
