/* The fabric between GPUs. fabric.c alone calls this; there, not here, is what the collectives promise. */
#ifndef BIT_WORKER_FABRIC_NCCL_H
#define BIT_WORKER_FABRIC_NCCL_H

#include "worker/ranks/fabric.h"

int bit_nccl_create(struct bit_fabric *fabric, struct bit_nccl **out);
void bit_nccl_destroy(struct bit_nccl *nccl);
void bit_nccl_gather_ranges(struct bit_nccl *nccl, void *vector, size_t element_bytes, const int64_t *starts);
void bit_nccl_gather(struct bit_nccl *nccl, const void *mine, size_t bytes, void *all);
void bit_nccl_sum_u64(struct bit_nccl *nccl, uint64_t *values, int64_t count);
/** The part [from, to) to its owners, behind what is enqueued on the exec's stream now. */
void bit_nccl_reduce_range(struct bit_nccl *nccl, float *vector, const int64_t *starts, int64_t from, int64_t to);
/** What is enqueued on the exec's stream from here on comes behind every range. */
void bit_nccl_reduce_wait(struct bit_nccl *nccl);

#endif
