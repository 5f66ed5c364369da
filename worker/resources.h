/* What of this machine a rank takes. */
#ifndef BIT_WORKER_RESOURCES_H
#define BIT_WORKER_RESOURCES_H

#include "kernels/exec.h"
#include "proto/bit.pb-c.h"

/** Threads of one of local_ranks ranks: the spec's, else the launcher's ($OMP_NUM_THREADS), else a fair share of the
 * cores that this process may use. At least 1. */
int bit_resources_threads(const Bit__LaunchSpec *launch, int local_ranks);

/** Errors: -ENOTSUP for a backend that this build lacks. */
int bit_resources_backend(const Bit__LaunchSpec *launch, enum bit_backend *out);

#endif
