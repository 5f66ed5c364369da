/*
 * This rank's instances of a batch, in memory that the model reads: those of the present step, and ahead of time those
 * of the next step, which are distributed and copied while the present step is computed.
 */
#ifndef BIT_WORKER_INSTANCES_H
#define BIT_WORKER_INSTANCES_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/exec/lane.h"
#include "worker/ranks/comm.h"

/* Identifies a batch: when a step is ordered again, after a lost link or a rewind, its batch may be another one. */
struct bit_batch_id {
    uint64_t step; /* 0: none */
    int64_t instances;
    uint32_t crc; /* of the whole batch */
};

struct bit_instances {
    struct bit_comm *comm; /* borrowed, with the next two */
    const struct bit_worker_plan *plan;
    struct bit_exec *exec;
    struct bit_lane lane; /* for the next batch's copies */
    struct bit_instance_slot {
        uint32_t *host;     /* owned, with the next */
        uint32_t *operands; /* in the backend's memory: `host` if that is the host's */
        int64_t capacity;   /* elements of each */
    } slot[2];
    int now;                   /* the slot of the present batch; the other one is for the next step's */
    struct bit_batch_id ahead; /* the batch in the other slot */
};

/** Allocate room for two steps' shares. Errors: -ENOMEM. finish takes a zeroed struct too. */
int bit_instances_init(struct bit_instances *tokens, struct bit_comm *comm, const struct bit_worker_plan *plan,
                       struct bit_exec *exec);
void bit_instances_finish(struct bit_instances *tokens);

/**
 * Make the present batch available: distribute rank 0's `batch` (NULL on the others), or use the one that came ahead.
 * Returns how many of `instances` are this rank's. Enqueued; bit_instances_check checks the tokens.
 * Collective  yes; the arguments agree except for `batch`
 * Errors      -ENOMEM, every rank's; BIT_ECUDA
 */
int64_t bit_instances_take(struct bit_instances *tokens, const uint8_t *batch, int64_t instances, bool came_ahead);
/** Check that the ids of `instances` instances of the present batch are in the vocabulary. Errors: BIT_EDATA with the
 * place */
int bit_instances_check(const struct bit_instances *tokens, int64_t instances);
/** Instance `i` of the present batch, for the model. */
const uint32_t *bit_instances_at(const struct bit_instances *tokens, int64_t i);

/**
 * Distribute the next step's batch: rank 0's `next` and `batch`, which other ranks ignore. Nothing is distributed if
 * next.step is 0 or there is no room for the batch.
 * Collective  yes
 */
int bit_instances_take_ahead(struct bit_instances *tokens, const uint8_t *batch, struct bit_batch_id next);
/** Whether that batch came ahead. */
bool bit_instances_came_ahead(const struct bit_instances *tokens, struct bit_batch_id batch);

#endif
