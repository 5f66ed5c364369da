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

#include "kernels/exec/exec.h"
#include "worker/model/layout.h"
#include "worker/ranks/comm.h"

#define BIT_FABRIC_PATIENCE_S 60

struct bit_nccl; /* fabric_nccl.h */

struct bit_fabric {
    struct bit_comm *comm;   /* borrowed, with what follows: all ranks, */
    struct bit_comm *group;  /* those that share what the layout cuts, */
    struct bit_comm *across; /* and those that have the same part in other groups; NULL: there is one group */
    struct bit_exec *exec;
    const struct bit_layout *layout;
    int threads;
    struct bit_nccl *nccl; /* owned; NULL for one rank, and on processors */
    /* What lies between spans, as one vector of equal parts: (size, gap_each) blocks of f32 in the backend's memory, or
     * of smaller things; NULL where there is none, or one rank. Owned. */
    uint8_t *gaps;
    /* Of the reduction under way: spans from this one on are on their way. */
    float *vector;
    int spans_left;
    /* Of the gather beside: spans on their way, ascending, and how many of them have been waited for. */
    int *coming; /* (span_count); owned, as the next */
    int coming_count, come;
    MPI_Request *requests;                  /* (span_count), between processors */
    uint64_t reduced_bytes, gathered_bytes; /* that this rank has sent to others, and got from them */
    uint64_t calls;                         /* of collectives over tensors: bench tells how many a step has */
    char description[128];                  /* for people: "nccl 2.28.3", "mpi", "one rank" */
};

/**
 * layout outlives the fabric, and is cut over as many ranks as a group of comm has (bit_comm_divide). Collective.
 * Errors      BIT_ENCCL or -ENOMEM on every rank if on one; -ENOTSUP in a build without NCCL. finish takes a zeroed one
 */
int bit_fabric_init(struct bit_fabric *fabric, struct bit_comm *comm, struct bit_exec *exec,
                    const struct bit_layout *layout, int threads);
void bit_fabric_finish(struct bit_fabric *fabric);

/* A vector in the backend's memory that is cut as the layout is. */
struct bit_gathered {
    void *memory;       /* block `first_block` begins here, which lies in no span or begins one */
    size_t block_bytes; /* at most those of a block in f32 */
    int64_t first_block;
    size_t from,
        to; /* of memory: what is gathered; nothing else is written. In a gap, or where a span begins or ends */
};
/** What each rank of a group has of it, to every rank of the group, in place. Collective. */
void bit_fabric_gather(struct bit_fabric *fabric, const struct bit_gathered *what);

/**
 * The same of several vectors, whose ranges ascend, beside what this rank computes meanwhile: gaps have come when begin
 * returns, each span when it is waited for. Other collectives may be between the two, and ranks
 * need not wait for the same parts at the same time. What is gathered is left alone until it has come. One at a time.
 * On CUDA spans cross on a stream of their own; between processors within MPI's calls.
 * Collective  begin alone
 */
void bit_fabric_gather_begin(struct bit_fabric *fabric, const struct bit_gathered *what, int count);
/** What lies before block `end` of the layout has come, for what is enqueued from here on. */
void bit_fabric_gather_await(struct bit_fabric *fabric, int64_t end);
/** All of it. Nothing where nothing is on its way; a zeroed fabric is fine. */
void bit_fabric_gather_end(struct bit_fabric *fabric);

/** The sums over a group, on every rank of it. Those of doubles are exact, or their bits are the backend's choice.
 * Collective. */
void bit_fabric_sum_u32(struct bit_fabric *fabric, uint32_t *values, int64_t count);
void bit_fabric_sum_f64(struct bit_fabric *fabric, double *values, int64_t count);

/**
 * What this rank has of `vector`, which is cut as the layout is, becomes the sum over all ranks, and the rest of it is
 * left as it is: over those of a group first, then across the groups, with the same bits in each of them. In three
 * steps: begin, then parts [from, to) as soon as they are final on this rank, each ending where the one before began,
 * then end, which reduces whatever was not named.
 * On CUDA the spans of a part cross while what is enqueued after it is computed; ranks name the same parts in the same
 * order. Between processors everything happens in end.
 */
void bit_fabric_reduce_begin(struct bit_fabric *fabric, float *vector);
void bit_fabric_reduce_part(struct bit_fabric *fabric, int64_t from, int64_t to);
void bit_fabric_reduce_end(struct bit_fabric *fabric);

#endif
