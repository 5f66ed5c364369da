/* What of this machine a rank takes. */
#ifndef BIT_WORKER_RESOURCES_H
#define BIT_WORKER_RESOURCES_H

#include "kernels/exec/exec.h"
#include "proto/bit.pb-c.h"

/**
 * Threads of one of local_ranks ranks: the spec's, else the launcher's ($OMP_NUM_THREADS), else a fair share of the
 * cores that this process may use. At least 1.
 */
int bit_resources_threads(const Bit__LaunchSpec *launch, int local_ranks);

/**
 * What this rank computes with: launch's backend, AUTO being the GPUs where each of the machine's ranks can have one.
 * On CUDA the calls of bit_exec_init that follow take GPU number local_rank.
 * Errors      -ENOTSUP for a backend that this build lacks; -ENODEV, with what there is, for too few GPUs
 */
int bit_resources_backend(const Bit__LaunchSpec *launch, int local_rank, int local_ranks, enum bit_backend *out);

/** Bytes that this backend can still give: the machine's, for all of its ranks, or those of this rank's GPU. */
int bit_resources_memory(enum bit_backend backend, int64_t *available);

#endif
