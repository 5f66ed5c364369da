/*
 * Collectives over tensors in the backend's memory: MPI between processors, NCCL between GPUs. All other communication
 * between ranks goes through comm.h, with any backend.
 *
 * On CUDA every call enqueues and returns; a failure of any rank ends all of them (bit_comm_abort), as in comm.h. A
 * thread (nccl_watch.h) watches NCCL for errors, and for operations that take longer than BIT_FABRIC_PATIENCE_S,
 * because NCCL itself waits without a limit.
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
    struct bit_comm *comm;   /* borrowed, with what follows: all ranks */
    struct bit_comm *group;  /* the ranks that the layout is cut over */
    struct bit_comm *across; /* the ranks with the same part in other groups; NULL: there is one group */
    struct bit_exec *exec;
    const struct bit_layout *layout;
    int threads;
    struct bit_nccl *nccl; /* owned; NULL for one rank, and on processors */
    /* The gaps between spans as one vector of equal parts: (size, gap_each) blocks of f32, or of smaller elements, in
     * the backend's memory; NULL if there are no gaps, or one rank. Owned. */
    uint8_t *gaps;
    /* Of the reduction under way: the spans from spans_left on have been enqueued. */
    float *vector;
    int spans_left;
    /* Of the gather under way beside computation: its spans, ascending, and how many of them have been waited for. */
    int *coming; /* (span_count); owned, as the next */
    int coming_count, come;
    MPI_Request *requests;                  /* (span_count), between processors */
    uint64_t reduced_bytes, gathered_bytes; /* what this rank has sent to others, and received from them */
    uint64_t calls;                         /* number of collectives over tensors, reported by bench */
    char description[128];                  /* for people: "nccl 2.28.3", "mpi", "one rank" */
};

/**
 * layout outlives the fabric, and is cut over as many ranks as a group of comm has (bit_comm_divide). Collective.
 * Errors      BIT_ENCCL or -ENOMEM on every rank if on one; -ENOTSUP in a build without NCCL. finish takes a zeroed
 *             struct
 */
int bit_fabric_init(struct bit_fabric *fabric, struct bit_comm *comm, struct bit_exec *exec,
                    const struct bit_layout *layout, int threads);
void bit_fabric_finish(struct bit_fabric *fabric);

/* A vector in the backend's memory that is cut as the layout is. */
struct bit_gathered {
    void *memory;       /* block `first_block` begins here; it lies in no span or begins one */
    size_t block_bytes; /* at most those of an f32 block */
    int64_t first_block;
    size_t from,
        to; /* the bytes of memory that are gathered; no others are written. In a gap, or at a border of a span */
};

/**
 * Gather several vectors in place, whose ranges ascend, concurrently with this rank's computation: each rank's part is
 * sent to every rank of its group. Gaps have arrived when begin returns, each span when it has been waited for. Other
 * collectives may come in between, and ranks need not wait for the same parts at the same time. The memory must not be
 * touched until it has arrived. One gather at a time. On CUDA spans are sent on their own stream; between processors
 * within MPI's calls.
 * Collective  begin alone
 */
void bit_fabric_gather_begin(struct bit_fabric *fabric, const struct bit_gathered *what, int count);
/** Wait until everything before block `end` of the layout has arrived, for what is enqueued from now on. */
void bit_fabric_gather_await(struct bit_fabric *fabric, int64_t end);
/** Wait for all of it. Does nothing if no gather is under way; takes a zeroed fabric too. */
void bit_fabric_gather_end(struct bit_fabric *fabric);

/** Sums over a group, on every rank of it. Sums of doubles must be exact; otherwise their bits are the backend's
 * choice. Collective. */
void bit_fabric_sum_u32(struct bit_fabric *fabric, uint32_t *values, int64_t count);
void bit_fabric_sum_f64(struct bit_fabric *fabric, double *values, int64_t count);

/**
 * This rank's part of `vector`, which is cut as the layout is, becomes the sum over all ranks; the rest is unchanged.
 * The sum is taken over the group first, then across the groups, with the same bits in each. Three steps: begin; parts
 * [from, to) as soon as they are final on this rank, each ending where the previous one began; end, which reduces what
 * was not named.
 * On CUDA the spans of a part are reduced while later work is computed; ranks must name the same parts in the same
 * order. Between processors everything happens in end.
 */
void bit_fabric_reduce_begin(struct bit_fabric *fabric, float *vector);
void bit_fabric_reduce_part(struct bit_fabric *fabric, int64_t from, int64_t to);
void bit_fabric_reduce_end(struct bit_fabric *fabric);

#endif
