/*
 * Requests for log-likelihoods, packed one after another into forward passes. There is no padding, and a context that
 * consecutive requests share is stored once, with their continuations as branches of it.
 */
#ifndef BIT_WORKER_PACKS_H
#define BIT_WORKER_PACKS_H

#include <stdint.h>

#include "kernels/attention_branches.h"
#include "worker/model/plan.h"

/* Requests for the likelihood of a sequence's last tokens, given those before them. Borrowed arrays. */
struct bit_requests {
    int64_t count;
    const uint32_t *tokens;       /* (count) tokens of each request: context and continuation */
    const uint32_t *continuation; /* (count) how many of the last ones are the continuation */
    const uint32_t *ids;          /* of all requests, one after another */
};

/* One forward pass, of requests [first_request, end_request). */
struct bit_pack {
    int64_t first_request, end_request;
    int64_t first_row, rows;
    int64_t first_branch, branches, time; /* time: length of the longest branch, with its trunk */
    int64_t first_target, targets;
};

/* Rows, branches and targets of all packs, one pack after another; indices of branches and rows start at 0 in each
 * pack. */
struct bit_packs {
    struct bit_pack *pack; /* (count); owned, with the rest */
    int64_t count, rows, targets;
    uint32_t *token, *position; /* (rows) */
    struct bit_branch *branch;
    uint32_t *row;   /* (targets), request by request: the row that predicts the token ... */
    int32_t *target; /* ... and the token */
};

/**
 * Check that every request has a context and a continuation of at least one token each, and fits into the model's
 * context. Reads no ids. *ids is their number.
 * Errors      BIT_EDATA with the request's number, from 0
 */
int bit_requests_check_lengths(const struct bit_worker_plan *plan, const struct bit_requests *requests, int64_t *ids);
/** Check that the ids of requests with checked lengths are in the vocabulary. Errors: BIT_EDATA with the request's
 * number and the place */
int bit_requests_check_ids(const struct bit_worker_plan *plan, const struct bit_requests *requests);

/** Pack checked requests into packs of at most plan->score_rows rows, and as many targets. Errors: -ENOMEM. finish
 * takes a zeroed struct too. */
int bit_packs_init(struct bit_packs *packs, const struct bit_worker_plan *plan, const struct bit_requests *requests);
void bit_packs_finish(struct bit_packs *packs);

/** Set sum[r] for the requests of one pack, from `loss` (targets of all packs): minus the losses, in order. */
void bit_packs_sum(const struct bit_packs *packs, int64_t pack, const struct bit_requests *requests, const float *loss,
                   double *sum);

#endif
