/*
 * What ranks say to each other: the few collectives that training needs, over MPI, with bits that depend on nothing but
 * the number of ranks.
 *
 * An MPI call that fails leaves the other ranks inside it, so nothing here returns an MPI error: it ends in
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

/* Elements of a part that are in flight at a time while gradients are reduced. */
#define BIT_COMM_PIECE (BIT_PLAN_PIECE_BYTES / (int64_t)sizeof(float))

struct bit_comm {
    MPI_Comm mpi; /* our own duplicate */
    int rank, size;
    MPI_Request *requests;         /* (size) */
    float *pieces;                 /* (2, BIT_COMM_PIECE): one comes, one goes; NULL for one rank */
    int failed_rank;               /* whose error bit_comm_agree returned last */
    struct bit_sections *sections; /* if set, time in here counts as communication */
    /* Told before this process takes the others down with it; NULL is fine. Rank 0 tells the daemon. */
    void (*before_abort)(void *arg, int err);
    void *before_abort_arg;
    /* Where ranks are divided into groups (bit_comm_divide), owned: this rank's group, and the ranks that have the same
     * place as it in theirs. NULL: one group of all. */
    struct bit_comm *group, *across;
    struct bit_comm *whole; /* of a group or across: what was divided; borrowed */
};

/**
 * Duplicate `parent` and allocate what the calls below need: 2 BIT_COMM_PIECE floats.
 * Collective  yes, over `parent`
 * Errors      -ENOMEM on every rank if on one
 */
int bit_comm_init(struct bit_comm *comm, MPI_Comm parent);
/**
 * Divide the ranks into groups of `size` consecutive ones, which divides their number; once. What is theirs ends with
 * comm, and fails as comm does.
 * Collective
 * Errors      as bit_comm_init's
 */
int bit_comm_divide(struct bit_comm *comm, int size);
/** The group of this rank: all ranks, where they are not divided. */
static inline struct bit_comm *bit_comm_group(struct bit_comm *comm)
{
    return comm->group != NULL ? comm->group : comm;
}
/** Give everything back; a zeroed comm is fine. Collective. */
void bit_comm_finish(struct bit_comm *comm);

/** Say what stopped us (the note of bit_fail), then end every rank with bit_exit_code(err). */
_Noreturn void bit_comm_abort(struct bit_comm *comm, int err);

/**
 * One outcome for all: 0 where every rank passes 0, otherwise the lowest code any rank passed, whose note all ranks
 * have afterwards, led by "rank N: " on the others. Collective.
 */
int bit_comm_agree(struct bit_comm *comm, int err);
/** Whether every rank passed the same value. Collective. */
bool bit_comm_same(struct bit_comm *comm, uint64_t value);
void bit_comm_barrier(struct bit_comm *comm);

/** From rank `root` to all, any number of bytes. Collective; bytes must agree. */
void bit_comm_bcast(struct bit_comm *comm, void *data, size_t bytes, int root);
/**
 * The same from rank 0 for a wait without end: a rank that waits gives its core away instead of polling at full speed,
 * which it would otherwise take from the rank that it waits for. Collective.
 */
void bit_comm_await(struct bit_comm *comm, void *data, size_t bytes);
/** Every rank's `bytes` to every rank, in rank order: all is size x bytes. Collective. */
void bit_comm_gather(struct bit_comm *comm, const void *mine, size_t bytes, void *all);
void bit_comm_sum_u64(struct bit_comm *comm, uint64_t *values, int count);

/** The ranks' sum. Of doubles in an order that MPI chooses: for sums that are exact. Collective. */
void bit_comm_sum_u32(struct bit_comm *comm, uint32_t *values, int count);
void bit_comm_sum_f64(struct bit_comm *comm, double *values, int count);

/*
 * A vector of size x each, of which rank r has [r each, (r + 1) each).
 */

/** Every rank's part to every rank, in place; each is in bytes. Collective. */
void bit_comm_all_gather(struct bit_comm *comm, void *vector, int64_t each);
/**
 * The same in two halves, with anything between them, other collectives too: ranks begin in one order, and each waits
 * when it likes. `vector` is left alone until then. MPI carries it on within its calls alone.
 */
void bit_comm_all_gather_begin(struct bit_comm *comm, void *vector, int64_t each, MPI_Request *request);
void bit_comm_wait(struct bit_comm *comm, MPI_Request *request);
/**
 * This rank's part of `vector` becomes the sum over the ranks' parts; the rest is left as it is. Round a ring: rank r's
 * part is added from rank r + 1 on, ((v(r+1) + v(r+2)) + ...) + v(r), so the bits depend on the number of ranks and the
 * layout alone. Each rank speaks to two others. Collective.
 */
void bit_comm_reduce_scatter(struct bit_comm *comm, float *vector, int64_t each, int threads);

/**
 * Every rank's `vector` becomes the sum of all of them, with the same bits on each: round the ring in `size` parts, as
 * above, and back; the last few elements, where parts do not divide it, in rank order. Collective.
 */
void bit_comm_all_reduce(struct bit_comm *comm, float *vector, int64_t count, int threads);

/**
 * Hand out a batch: rank r gets instances r, r + size, r + 2 size, ... of rank 0's `batch` (instances x bytes)
 * into `mine`. batch is read on rank 0 only. Returns how many this rank got. Collective.
 */
int64_t bit_comm_scatter_instances(struct bit_comm *comm, const uint8_t *batch, int64_t instances, int64_t bytes,
                                   uint8_t *mine);
/** How many of `instances` rank `rank` of `size` gets. */
int64_t bit_comm_share(int64_t instances, int rank, int size);

#endif
