/*
 * Requests for log-likelihoods, packed one after another into what the model takes at once. Nothing is padded, and a
 * context that requests next to each other have in common stands once, with their continuations as branches of it.
 */
#ifndef BIT_WORKER_PACKS_H
#define BIT_WORKER_PACKS_H

#include <stdint.h>

#include "kernels/attention_branches.h"
#include "worker/model/plan.h"

/* How likely are the last tokens of a sequence, given those before them? Borrowed arrays. */
struct bit_requests {
    int64_t count;
    const uint32_t *tokens;       /* (count) of each request: context and continuation */
    const uint32_t *continuation; /* (count) how many of its last ones are the continuation */
    const uint32_t *ids;          /* of all requests, one after another */
};

/* One forward pass. Requests [first_request, end_request) are its. */
struct bit_pack {
    int64_t first_request, end_request;
    int64_t first_row, rows;
    int64_t first_branch, branches, time; /* time: of the longest branch, with its trunk */
    int64_t first_target, targets;
};

/* All packs' rows, branches and targets, one pack after another; branches and rows count from 0 in each pack. */
struct bit_packs {
    struct bit_pack *pack; /* (count); owned, with the rest */
    int64_t count, rows, targets;
    uint32_t *token, *position; /* (rows) */
    struct bit_branch *branch;
    uint32_t *row;   /* (targets), request by request: which row predicts the token ... */
    int32_t *target; /* ... and the token */
};

/**
 * Every request is a context and a continuation of at least one token each, and fits into the model's context. Reads no
 * ids. *ids is how many there are.
 * Errors      BIT_EDATA with the request's number, from 0
 */
int bit_requests_check_lengths(const struct bit_worker_plan *plan, const struct bit_requests *requests, int64_t *ids);
/** Requests of checked lengths have ids of the vocabulary. Errors: BIT_EDATA with the request's number and the place */
int bit_requests_check_ids(const struct bit_worker_plan *plan, const struct bit_requests *requests);

/** Packs of at most plan->score_rows rows, and as many targets, for requests that were checked. Errors: -ENOMEM. finish
 * takes zeroed ones too. */
int bit_packs_init(struct bit_packs *packs, const struct bit_worker_plan *plan, const struct bit_requests *requests);
void bit_packs_finish(struct bit_packs *packs);

/** sum[r] of the requests of one pack, from `loss` (targets of all packs): minus the losses, in order. */
void bit_packs_sum(const struct bit_packs *packs, int64_t pack, const struct bit_requests *requests, const float *loss,
                   double *sum);

#endif
