/* How NCCL is started: what does not need it. */
#ifndef BIT_WORKER_NCCL_PLAN_H
#define BIT_WORKER_NCCL_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#define BIT_NCCL_IDS_MAX 512 /* of 65,536 ranks */

/** In how many groups the ranks come together first, of 128 each: who makes an id is called by all of its group. */
int bit_nccl_plan_ids(int ranks);
/** The rank that makes id i: the first of its group, so that they are on nodes of their own. */
int bit_nccl_plan_root(int id);
/** How long all communicators may take to come to be, in seconds: others report minutes above some thousand ranks. */
double bit_nccl_plan_start_s(int ranks);

/**
 * Before NCCL reads its variables. NVLink multicast is off, since a job that ends badly in it can take a host's GPUs
 * out of service. deterministic pins the algorithm and the protocol, on which the order of a sum depends. What the site
 * has set stays as it is.
 */
void bit_nccl_plan_environment(bool deterministic);
/** "nccl 2.28.3", and the algorithm and protocol where they are pinned: ", algorithm Ring, protocol Simple". */
void bit_nccl_plan_describe(int version, char *out, size_t room);

#endif
