/* The fabric between GPUs. fabric.c alone calls these; there, not here, is what the collectives promise. */
#ifndef BIT_WORKER_FABRIC_NCCL_H
#define BIT_WORKER_FABRIC_NCCL_H

#include "worker/ranks/fabric.h"

enum bit_nccl_type { BIT_NCCL_U32, BIT_NCCL_F64 };

/* Vectors are (size, each). What is reduced, or gathered beside, comes after what the exec's stream has so far. */
struct bit_nccl_calls {
    int (*create)(struct bit_fabric *fabric, struct bit_nccl **out);
    void (*destroy)(struct bit_nccl *nccl); /* NULL is fine */
    /* What lies between is launched at once. */
    void (*group_begin)(struct bit_nccl *nccl);
    void (*group_end)(struct bit_nccl *nccl);
    void (*all_gather)(struct bit_nccl *nccl, void *vector, size_t each_bytes);
    /* On the stream beside; slots are counted from 0, below the layout's spans. */
    void (*gather_beside)(struct bit_nccl *nccl, void *vector, size_t each_bytes, int slot);
    /* What is enqueued on the exec's stream from here on comes after it. */
    void (*gather_await)(struct bit_nccl *nccl, int slot);
    void (*sum)(struct bit_nccl *nccl, void *values, int64_t count, enum bit_nccl_type type);
    void (*reduce_scatter)(struct bit_nccl *nccl, float *vector, int64_t each);
    /* Across groups; after what is reduced so far. */
    void (*all_reduce)(struct bit_nccl *nccl, float *vector, int64_t count);
    /* What is enqueued on the exec's stream from here on comes after every reduction. */
    void (*reduce_wait)(struct bit_nccl *nccl);
};

/* Only in a build with NCCL. */
extern const struct bit_nccl_calls bit_nccl_calls;

#endif
