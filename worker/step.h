/* One global step of training, and one evaluation, on every rank at once. */
#ifndef BIT_WORKER_STEP_H
#define BIT_WORKER_STEP_H

#include "worker/action.h"
#include "worker/inspect.h"
#include "worker/power.h"
#include "worker/ranks/worker_state.h"

/* The result of a step; the same on every rank, except for the texts of an error. */
struct bit_step_result {
    double loss, grad_norm;
    double ms[BIT_SECTION_SPLIT]; /* of the slowest rank */
    int slowest_rank;
    struct bit_publish_counts counts; /* over all ranks */
    uint64_t weights_digest;          /* if the order asks for it */
    bool skipped;                     /* no update was made; a NaN or infinite loss or norm is then 0 */
    struct bit_inspection seen;       /* its anomalies */
    int gpus;                         /* how many reported their load: */
    struct bit_power_load load;       /* lowest clock, total power, highest temperature and capped share */
};

/**
 * Execute the step that `action` orders: publish the weights for its phase, distribute `batch` (rank 0's), run forward
 * and backward in micro-batches, compare copies of the weights if ordered, reduce, clip, update. Advances worker->step
 * and Adam's count; if the action's bounds, skip_nan or a wrong copy of the weights forbid the update, it is skipped
 * and Adam's count stays.
 * The caller zeroes *result: anomalies are added to it.
 * Collective  yes; one outcome for all ranks: it follows from numbers that all of them have gathered
 * Errors      BIT_EDATA for an id beyond the vocabulary; without skip_nan, BIT_ENUMERIC for a loss or gradient that is
 *             NaN or infinite. Nothing was updated then; worker->comm->failed_rank names the rank. A step that is not
 *             the next one or not of this phase, and a failure that the other ranks cannot see, end in
 *             bit_comm_abort().
 */
int bit_step_train(struct bit_worker *worker, const struct bit_action *action, const uint8_t *batch,
                   struct bit_step_result *result);

/** Forward only. *loss is the mean over *targets. Training is not affected. Errors and the rest as above. */
int bit_step_evaluate(struct bit_worker *worker, const struct bit_action *action, const uint8_t *batch, double *loss,
                      uint64_t *targets);

#endif
