/*
 * The few collectives that training needs, over MPI, with bits that depend only on the number of ranks.
 *
 * An MPI call that fails leaves the other ranks inside it, so no function here returns an MPI error: it ends in
 * bit_comm_abort(). Only the main thread calls these (MPI_THREAD_FUNNELED).
 */
#ifndef BIT_WORKER_COMM_H
#define BIT_WORKER_COMM_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/model/plan.h"
#include "worker/process/sections.h"

/* Elements of a part that are in flight at once while gradients are reduced. */
#define BIT_COMM_PIECE (BIT_PLAN_PIECE_BYTES / (int64_t)sizeof(float))

struct bit_comm {
    MPI_Comm mpi; /* our own duplicate */
    int rank, size;
    MPI_Request *requests;         /* (size) */
    float *pieces;                 /* (2, BIT_COMM_PIECE): one is received, one sent; NULL for one rank */
    int failed_rank;               /* the rank whose error bit_comm_agree returned last */
    struct bit_sections *sections; /* if set, time in these calls counts as communication */
    /* Called before this process ends all ranks; may be NULL. Reports the error to the daemon. */
    void (*before_abort)(void *arg, int err);
    void *before_abort_arg;
    /* If ranks are divided into groups (bit_comm_divide), owned: this rank's group, and the ranks with the same place
     * in the other groups. NULL: all ranks are one group. */
    struct bit_comm *group, *across;
    struct bit_comm *whole; /* in a group or across: the comm that was divided; borrowed */
};

/**
 * Duplicate `parent` and allocate what the calls below need: 2 BIT_COMM_PIECE floats.
 * Collective  yes, over `parent`
 * Errors      -ENOMEM on every rank if on one
 */
int bit_comm_init(struct bit_comm *comm, MPI_Comm parent);
/**
 * Divide the ranks into groups of `size` consecutive ones; `size` divides their number; once. The groups end with comm,
 * and fail as comm does.
 * Collective
 * Errors      as bit_comm_init's
 */
int bit_comm_divide(struct bit_comm *comm, int size);
/** This rank's group: all ranks, if they are not divided. */
static inline struct bit_comm *bit_comm_group(struct bit_comm *comm)
{
    return comm->group != NULL ? comm->group : comm;
}
/** Free everything; takes a zeroed comm too. Collective. */
void bit_comm_finish(struct bit_comm *comm);

/** Log and report the error (the note of bit_fail), then end every rank with bit_exit_code(err). */
_Noreturn void bit_comm_abort(struct bit_comm *comm, int err);

/**
 * One outcome for all ranks: 0 if every rank passes 0, otherwise the lowest code any rank passed. All ranks then have
 * that rank's note, prefixed by "rank N: " on the others. Collective.
 */
int bit_comm_agree(struct bit_comm *comm, int err);
/** Whether every rank passed the same value. Collective. */
bool bit_comm_same(struct bit_comm *comm, uint64_t value);
void bit_comm_barrier(struct bit_comm *comm);

/** Broadcast any number of bytes from rank `root`. Collective; bytes must agree. */
void bit_comm_bcast(struct bit_comm *comm, void *data, size_t bytes, int root);
/**
 * The same from rank 0, for a wait without a limit: a waiting rank sleeps between polls, because polling at full speed
 * would take the core from the rank it waits for. Collective.
 */
void bit_comm_await(struct bit_comm *comm, void *data, size_t bytes);
/** Gather every rank's `bytes` bytes on every rank, in rank order: all is size x bytes. Collective. */
void bit_comm_gather(struct bit_comm *comm, const void *mine, size_t bytes, void *all);
void bit_comm_sum_u64(struct bit_comm *comm, uint64_t *values, int count);

/** The sum over all ranks. MPI chooses the order of additions, so doubles must be such that their sums are exact.
 * Collective. */
void bit_comm_sum_u32(struct bit_comm *comm, uint32_t *values, int count);
void bit_comm_sum_f64(struct bit_comm *comm, double *values, int count);

/*
 * A vector of size x each, of which rank r has [r each, (r + 1) each).
 */

/** All-gather in place; each is in bytes. Collective. */
void bit_comm_all_gather(struct bit_comm *comm, void *vector, int64_t each);
/**
 * The same in two halves, with anything between them, other collectives too: all ranks begin their gathers in the same
 * order, and each waits when it likes. `vector` must not be touched until then. MPI makes progress only within its
 * calls.
 */
void bit_comm_all_gather_begin(struct bit_comm *comm, void *vector, int64_t each, MPI_Request *request);
void bit_comm_wait(struct bit_comm *comm, MPI_Request *request);
/**
 * This rank's part of `vector` becomes the sum of all ranks' vectors there; the rest is unchanged. Ring order: rank r's
 * part is added from rank r + 1 on, ((v(r+1) + v(r+2)) + ...) + v(r), so the bits depend only on the number of ranks
 * and the layout. Each rank communicates with two others. Collective.
 */
void bit_comm_reduce_scatter(struct bit_comm *comm, float *vector, int64_t each, int threads);

/**
 * Every rank's `vector` becomes the sum of all of them, with the same bits on each: a ring reduce-scatter in `size`
 * parts, as above, then an all-gather; the last few elements, if the parts do not divide it, are added in rank order.
 * Collective.
 */
void bit_comm_all_reduce(struct bit_comm *comm, float *vector, int64_t count, int threads);

/**
 * Distribute a batch: rank r gets instances r, r + size, r + 2 size, ... of rank 0's `batch` (instances x bytes) in
 * `mine`. batch is read on rank 0 only. Returns how many this rank got. Collective.
 */
int64_t bit_comm_scatter_instances(struct bit_comm *comm, const uint8_t *batch, int64_t instances, int64_t bytes,
                                   uint8_t *mine);
/** How many of `instances` rank `rank` of `size` gets. */
int64_t bit_comm_share(int64_t instances, int rank, int size);

#endif
