/* Scores requests for log-likelihoods: each rank scores a part of them, and all ranks get all sums. */
#ifndef BIT_WORKER_SCORING_H
#define BIT_WORKER_SCORING_H

#include "worker/action.h"
#include "worker/ranks/worker_state.h"

/* The requests of an order, in rank 0's memory; the other ranks' is not read. */
struct bit_score_input {
    const uint32_t *tokens, *continuation; /* (requests), as in struct bit_requests */
    const uint8_t *ids;                    /* (ids) of plan.token_bytes each, little-endian */
};

struct bit_scored {
    double *sum;         /* (requests); 0 where the sum is not finite; owned, with the next */
    uint32_t *no_number; /* (no_numbers) the indices of those requests, from 0 */
    int64_t no_numbers;
    int64_t rows; /* of all ranks' forward passes */
};

/**
 * Execute `action`: publish the weights for its precision (ternary at strength 1), distribute the requests, score them,
 * and gather the sums. Ranks take whole packs in turn, and packing does not depend on the number of ranks, so the sums
 * have the same bits for any number of ranks. Training is not affected. The caller has checked the lengths.
 * Collective  yes; one outcome for all ranks
 * Errors      BIT_EDATA for an id beyond the vocabulary, with the request's number; -ENOMEM. A failure that the other
 *             ranks cannot see ends in bit_comm_abort()
 */
int bit_scoring_run(struct bit_worker *worker, const struct bit_action *action, const struct bit_score_input *input,
                    struct bit_scored *scored);
/** Takes a zeroed struct too. */
void bit_scoring_finish(struct bit_scored *scored);

#endif
