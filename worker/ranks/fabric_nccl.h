/* The fabric between GPUs. fabric.c alone calls these; there, not here, is what the collectives promise. */
#ifndef BIT_WORKER_FABRIC_NCCL_H
#define BIT_WORKER_FABRIC_NCCL_H

#include "worker/ranks/fabric.h"

struct bit_nccl_calls {
    int (*create)(struct bit_fabric *fabric, struct bit_nccl **out);
    void (*destroy)(struct bit_nccl *nccl); /* NULL is fine */
    void (*gather_ranges)(struct bit_nccl *nccl, void *vector, size_t element_bytes, const int64_t *starts);
    void (*gather)(struct bit_nccl *nccl, const void *mine, size_t bytes, void *all);
    void (*sum_u64)(struct bit_nccl *nccl, uint64_t *values, int64_t count);
    /* The part [from, to) to its owners, after what is enqueued on the exec's stream now. */
    void (*reduce_range)(struct bit_nccl *nccl, float *vector, const int64_t *starts, int64_t from, int64_t to);
    /* What is enqueued on the exec's stream from here on comes after every range. */
    void (*reduce_wait)(struct bit_nccl *nccl);
};

/* Only in a build with NCCL. */
extern const struct bit_nccl_calls bit_nccl_calls;

#endif
