/* The fabric between GPUs. Only fabric.c calls these; fabric.h documents the collectives. */
#ifndef BIT_WORKER_FABRIC_NCCL_H
#define BIT_WORKER_FABRIC_NCCL_H

#include "worker/ranks/fabric.h"

enum bit_nccl_type { BIT_NCCL_U32, BIT_NCCL_F64 };

/* Vectors are (size, each). Reductions, and gathers beside, wait for what is enqueued on the exec's stream so far. */
struct bit_nccl_calls {
    int (*create)(struct bit_fabric *fabric, struct bit_nccl **out);
    void (*destroy)(struct bit_nccl *nccl); /* NULL is fine */
    void (*all_gather)(struct bit_nccl *nccl, void *vector, size_t each_bytes);
    /* On the second stream; slots count from 0, below the number of the layout's spans. */
    void (*gather_beside)(struct bit_nccl *nccl, void *vector, size_t each_bytes, int slot);
    /* What is enqueued on the exec's stream from now on waits for it. */
    void (*gather_await)(struct bit_nccl *nccl, int slot);
    void (*sum)(struct bit_nccl *nccl, void *values, int64_t count, enum bit_nccl_type type);
    void (*reduce_scatter)(struct bit_nccl *nccl, float *vector, int64_t each);
    /* Across groups, after the reductions enqueued so far. */
    void (*all_reduce)(struct bit_nccl *nccl, float *vector, int64_t count);
    /* What is enqueued on the exec's stream from now on waits for all reductions. */
    void (*reduce_wait)(struct bit_nccl *nccl);
};

/* Only in a build with NCCL. */
extern const struct bit_nccl_calls bit_nccl_calls;

#endif
