/* Threads, backend and memory that a rank may use on this machine. */
#ifndef BIT_WORKER_RESOURCES_H
#define BIT_WORKER_RESOURCES_H

#include "kernels/exec/exec.h"
#include "proto/bit.pb-c.h"

/**
 * Threads for one of local_ranks ranks: the spec's, else the launcher's ($OMP_NUM_THREADS), else a fair share of the
 * cores that this process may use. At least 1.
 */
int bit_resources_threads(const Bit__LaunchSpec *launch, int local_ranks);

/**
 * The backend of this rank: the one of `launch`; AUTO means CUDA if each of the machine's ranks can have a GPU. With
 * CUDA, later calls of bit_exec_init use GPU number local_rank.
 * Errors      -ENOTSUP for a backend that this build lacks; -ENODEV, with the number of GPUs, if there are too few
 */
int bit_resources_backend(const Bit__LaunchSpec *launch, int local_rank, int local_ranks, enum bit_backend *out);

/** Bytes still available: of the machine, for all of its ranks, or of this rank's GPU. */
int bit_resources_memory(enum bit_backend backend, int64_t *available);

#endif
