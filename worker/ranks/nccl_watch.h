/*
 * Limits how long a rank waits for NCCL, which itself waits without a limit. A thread looks at the communicators and at
 * the operations under way several times a second. If a communicator has failed, an operation has not ended within
 * BIT_FABRIC_PATIENCE_S or the communicators are not there within bit_nccl_plan_start_s, it reports that and ends this
 * process: the main thread may hang in the operation, and only that one may call MPI. The launcher then ends the job.
 */
#ifndef BIT_WORKER_NCCL_WATCH_H
#define BIT_WORKER_NCCL_WATCH_H

#include <cuda_runtime_api.h>
#include <nccl.h>

#include "worker/ranks/comm.h"

/* Those of a fabric; NULL: none, or not yet. */
struct bit_nccl_communicators {
    ncclComm_t whole;  /* all ranks, if they are divided into groups; the others are split from it */
    ncclComm_t gather; /* of a group, as is the next; on the exec's stream */
    ncclComm_t beside; /* for reductions during the backward pass, gathers during the forward pass */
    ncclComm_t across; /* across groups; NULL if there is only one. On the same stream as `beside` */
};

struct bit_nccl_watch;
struct bit_nccl_operation; /* one that is watched, or several that are enqueued together */

/**
 * Start the thread, before the communicators are made: their time begins now, and ends with bit_nccl_watch_made.
 * Ownership   comm and the communicators are borrowed until destroy
 * Errors      BIT_ECUDA; -ENOMEM; -EAGAIN
 */
int bit_nccl_watch_create(struct bit_comm *comm, int device, const struct bit_nccl_communicators *communicators,
                          struct bit_nccl_watch **out);
/** All communicators exist; from now on they are looked at, too. */
void bit_nccl_watch_made(struct bit_nccl_watch *w);
/** End the thread. Call it before the communicators are destroyed. NULL is fine. */
void bit_nccl_watch_destroy(struct bit_nccl_watch *w);

/**
 * Call begin before an operation is enqueued on `stream`, end after it. NULL if too many are under way: the operation
 * is not watched, and end does nothing. A failure ends all ranks (bit_comm_abort).
 */
struct bit_nccl_operation *bit_nccl_watch_begin(struct bit_nccl_watch *w, cudaStream_t stream);
void bit_nccl_watch_end(struct bit_nccl_watch *w, struct bit_nccl_operation *operation, cudaStream_t stream);

#endif
