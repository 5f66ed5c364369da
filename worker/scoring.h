/* Requests for log-likelihoods, on every rank at once: each takes its part of them, and all have the sums. */
#ifndef BIT_WORKER_SCORING_H
#define BIT_WORKER_SCORING_H

#include "worker/action.h"
#include "worker/ranks/worker_state.h"

/* An order's, in rank 0's memory; the others' is not looked at. */
struct bit_score_input {
    const uint32_t *tokens, *continuation; /* (requests), as struct bit_requests has them */
    const uint8_t *ids;                    /* (ids) of plan.token_bytes each, little-endian */
};

struct bit_scored {
    double *sum;         /* (requests); 0 where it is no number; owned, with the next */
    uint32_t *no_number; /* (no_numbers) which those are, from 0 */
    int64_t no_numbers;
    int64_t rows; /* that all ranks' forward passes had */
};

/**
 * What `action` orders: publish the weights for its precision (ternary at strength 1), hand the requests out, score,
 * and gather. Ranks take whole packs in turn, and how requests are packed does not depend on the ranks: the sums are
 * the same bits on any number of them. Training is left as it was. The lengths have been checked.
 * Collective  yes; one outcome for all ranks
 * Errors      BIT_EDATA for an id beyond the vocabulary, with the request's number; -ENOMEM. A failure that the others
 *             cannot know ends in bit_comm_abort()
 */
int bit_scoring_run(struct bit_worker *worker, const struct bit_action *action, const struct bit_score_input *input,
                    struct bit_scored *scored);
/** A zeroed one is fine. */
void bit_scoring_finish(struct bit_scored *scored);

#endif
