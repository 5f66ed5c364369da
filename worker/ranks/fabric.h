/*
 * The collectives over tensors, in the memory of the backend: MPI between processors, NCCL between GPUs. What ranks say
 * to each other about anything else goes through comm.h, whatever the backend.
 *
 * On CUDA every call is enqueued and returns; a failure of any rank ends all of them (bit_comm_abort), as comm.h's do.
 * A thread of the fabric's own watches NCCL for errors, and for an operation that takes longer than
 * BIT_FABRIC_PATIENCE_S, since NCCL itself would wait for ever.
 */
#ifndef BIT_WORKER_FABRIC_H
#define BIT_WORKER_FABRIC_H

#include <stdint.h>

#include "kernels/exec.h"
#include "worker/ranks/comm.h"

#define BIT_FABRIC_PATIENCE_S 60

struct bit_nccl; /* fabric_nccl.h */

struct bit_fabric {
    struct bit_comm *comm; /* borrowed, with the next */
    struct bit_exec *exec;
    int threads;
    struct bit_nccl *nccl; /* owned; NULL for one rank, and on processors */
    /* Of the reduction under way: everything from `unreduced` on has been named. */
    float *vector;
    const int64_t *starts;
    int64_t unreduced;
    uint64_t reduced_bytes, gathered_bytes; /* that this rank has sent to others, and got from them */
    char description[96];                   /* for people: "nccl 2.28.3", "mpi", "one rank" */
};

/** Collective. Errors: BIT_ENCCL on every rank if on one; -ENOTSUP in a build without NCCL. finish takes a zeroed one.
 */
int bit_fabric_init(struct bit_fabric *fabric, struct bit_comm *comm, struct bit_exec *exec, int threads);
void bit_fabric_finish(struct bit_fabric *fabric);

/** As bit_comm_gather_ranges, of a vector in the backend's memory. Collective. */
void bit_fabric_gather_ranges(struct bit_fabric *fabric, void *vector, size_t element_bytes, const int64_t *starts);
/** Every rank's `bytes` to every rank, in rank order; all is (size, bytes), in the backend's memory. Collective. */
void bit_fabric_gather(struct bit_fabric *fabric, const void *mine, size_t bytes, void *all);
void bit_fabric_sum_u64(struct bit_fabric *fabric, uint64_t *values, int64_t count);

/**
 * This rank's range of `vector` (starts as comm.h's ranges) becomes the sum over the ranks, in three steps: begin, then
 * parts [from, to) as soon as they are final on this rank, each ending where the one before began, then end, which
 * reduces whatever was not named.
 * On CUDA a part crosses while what is enqueued after it is computed; ranks name the same parts in the same order.
 * Between processors everything happens in end, in rank order.
 */
void bit_fabric_reduce_begin(struct bit_fabric *fabric, float *vector, const int64_t *starts, int64_t elements);
void bit_fabric_reduce_part(struct bit_fabric *fabric, int64_t from, int64_t to);
void bit_fabric_reduce_end(struct bit_fabric *fabric);

#endif
