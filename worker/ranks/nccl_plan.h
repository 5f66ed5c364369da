/* How NCCL is started: the part that does not call NCCL. */
#ifndef BIT_WORKER_NCCL_PLAN_H
#define BIT_WORKER_NCCL_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#define BIT_NCCL_IDS_MAX 512 /* for 65,536 ranks */

/** Number of unique ids, one per 128 ranks: the rank that makes an id is contacted by all ranks of its group. */
int bit_nccl_plan_ids(int ranks);
/** The rank that makes id i: the first of its group, so that these ranks are on different nodes. */
int bit_nccl_plan_root(int id);
/** Time limit, in seconds, for creating all communicators: others report minutes above some thousand ranks. */
double bit_nccl_plan_start_s(int ranks);

/**
 * Set NCCL's environment variables; call before NCCL reads them. NVLink multicast is switched off, because a job that
 * ends badly while using it can take a host's GPUs out of service. deterministic pins the algorithm and the protocol,
 * on which the order of a sum depends. Variables that the site has set stay.
 */
void bit_nccl_plan_environment(bool deterministic);
/** "nccl 2.28.3", followed by algorithm and protocol if they are set: ", algorithm Ring, protocol Simple". */
void bit_nccl_plan_describe(int version, char *out, size_t room);

#endif
