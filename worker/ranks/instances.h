/*
 * This rank's instances of a batch, where the model reads them: those of the step at hand, and ahead of time those of
 * the step after it, which are handed out and copied while the work of the one at hand is done.
 */
#ifndef BIT_WORKER_INSTANCES_H
#define BIT_WORKER_INSTANCES_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/exec/lane.h"
#include "worker/ranks/comm.h"

/* Which batch: the same order given again, after a lost link or a rewind, may bring another one. */
struct bit_batch_id {
    uint64_t step; /* 0: none */
    int64_t instances;
    uint32_t crc; /* of the whole batch */
};

struct bit_instances {
    struct bit_comm *comm; /* borrowed, with the next two */
    const struct bit_worker_plan *plan;
    struct bit_exec *exec;
    struct bit_lane lane; /* for what comes ahead */
    struct bit_instance_slot {
        uint32_t *host;     /* owned, with the next */
        uint32_t *operands; /* in the backend's memory: host itself, where that is the same */
        int64_t capacity;   /* elements of each */
    } slot[2];
    int now;                   /* the slot of the batch at hand; the other one is for the step after it */
    struct bit_batch_id ahead; /* what that holds */
};

/** Room for a step's share, twice. Errors: -ENOMEM. finish takes zeroed tokens too. */
int bit_instances_init(struct bit_instances *tokens, struct bit_comm *comm, const struct bit_worker_plan *plan,
                       struct bit_exec *exec);
void bit_instances_finish(struct bit_instances *tokens);

/**
 * The batch at hand: handed out from rank 0's `batch` (NULL on the others), or what came ahead. Returns how many of
 * `instances` are this rank's. Enqueued; bit_instances_check tells whether they are tokens.
 * Collective  yes; the arguments agree but for `batch`
 * Errors      -ENOMEM, every rank's; BIT_ECUDA
 */
int64_t bit_instances_take(struct bit_instances *tokens, const uint8_t *batch, int64_t instances, bool came_ahead);
/** Ids of `instances` of the batch at hand are below the vocabulary. Errors: BIT_EDATA with the place */
int bit_instances_check(const struct bit_instances *tokens, int64_t instances);
/** Instance `i` of the batch at hand, for the model. */
const uint32_t *bit_instances_at(const struct bit_instances *tokens, int64_t i);

/**
 * Rank 0's `next` and `batch`: what will be trained on after the step at hand. step 0, or a batch that there is no
 * room for, and nothing comes ahead. On the other ranks both are ignored.
 * Collective  yes
 */
int bit_instances_take_ahead(struct bit_instances *tokens, const uint8_t *batch, struct bit_batch_id next);
/** Whether that batch is the one that came ahead. */
bool bit_instances_came_ahead(const struct bit_instances *tokens, struct bit_batch_id batch);

#endif
