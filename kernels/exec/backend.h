/*
 * The table of back ends: each one's functions for exec.h, lane.h, replay.h, product_search.h and op.h, whose contracts
 * these functions have. Only backend.c knows which back ends this build has.
 */
#ifndef BIT_KERNELS_BACKEND_H
#define BIT_KERNELS_BACKEND_H

#include <stddef.h>

#include "kernels/exec/exec.h"
#include "kernels/exec/op.h"

struct bit_attention_choice;
struct bit_fused_product;
struct bit_lane;
struct bit_product_card;
struct bit_product_choice;
struct bit_replay;

/* Memory, copies and waiting. */
struct bit_exec_ops {
    int (*open)(struct bit_exec *exec, int device); /* called first; close undoes it */
    void (*close)(struct bit_exec *exec);
    void (*describe)(const struct bit_exec *exec, char *to, size_t bytes);
    int (*alloc)(struct bit_exec *exec, size_t bytes, void **out);
    void (*free)(struct bit_exec *exec, void *memory, size_t bytes);
    int (*alloc_host)(struct bit_exec *exec, size_t bytes, void **out);
    void (*free_host)(struct bit_exec *exec, void *memory, size_t bytes);
    int (*copy)(const struct bit_exec *exec, void *to, const void *from, size_t bytes);
    int (*zero)(const struct bit_exec *exec, void *memory, size_t bytes);
    int (*wait)(const struct bit_exec *exec);
};

/* Queries about devices. */
struct bit_device_ops {
    int (*count)(int *count);
    int (*memory_left)(int device, size_t *bytes);
    size_t (*memory_bytes)(const struct bit_exec *exec);
    int (*bus)(const struct bit_exec *exec, char bus[32]);
};

struct bit_mark_ops {
    int (*init)(struct bit_mark *mark);
    void (*finish)(struct bit_mark *mark);
    int (*set)(struct bit_mark *mark, const struct bit_exec *exec);
    double (*ms)(const struct bit_mark *from, const struct bit_mark *to);
};

struct bit_lane_ops {
    int (*open)(struct bit_lane *lane);
    void (*close)(struct bit_lane *lane);
    int (*follow)(struct bit_lane *lane);
    int (*copy)(struct bit_lane *lane, void *to, const void *from, size_t bytes);
    int (*lead)(struct bit_lane *lane);
    int (*wait)(struct bit_lane *lane);
};

struct bit_replay_ops {
    /** Sets replay->graph, or refused and why. Errors: the sequence's. */
    int (*record)(struct bit_replay *replay, const struct bit_exec *exec, int (*sequence)(void *arg), void *arg);
    int (*launch)(const struct bit_replay *replay, const struct bit_exec *exec);
    void (*drop)(struct bit_replay *replay);
};

struct bit_product_search_ops {
    int (*card)(const struct bit_exec *exec, struct bit_product_card *out);
    int (*search)(const struct bit_exec *exec, bool on);
    int (*rows)(const struct bit_exec *exec, const struct bit_product_choice **out);
    int (*take)(const struct bit_exec *exec, const struct bit_product_choice *rows, int count);
};

/* bit_NAME() for each operator; NULL where the back end has no variant. */
#define BIT_VARIANT(name, has_cpu, has_cuda)                                                                           \
    int (*name)(const struct bit_exec *exec, const struct bit_##name##_args *args);
#define BIT_VARIANT_DECLARE(name, has_cpu, has_cuda) BIT_OP_DECLARE(name);
BIT_OP_TABLE(BIT_VARIANT_DECLARE)
struct bit_variants {
    BIT_OP_TABLE(BIT_VARIANT)
};

struct bit_backend_ops {
    const struct bit_variants *variants;
    const struct bit_exec_ops *exec;
    /* NULL where an operator is done when its call returns: there is no device, marks use the host's clock, a copy is
     * made by its call, and a sequence is run each time. */
    const struct bit_device_ops *device;
    const struct bit_mark_ops *mark;
    const struct bit_lane_ops *lane;
    const struct bit_replay_ops *replay;
    const struct bit_product_search_ops *products; /* NULL where products do not come from a library */
    /* bit_attention_choose; NULL where there is nothing to choose */
    int (*choose_attention)(const struct bit_exec *exec, int64_t batch, int64_t time, int64_t heads, int64_t head_dim,
                            enum bit_dtype dtype, struct bit_attention_choice *out);
    /* bit_fused_product_refused; NULL where nothing is fused */
    const char *(*refuse_fused)(const struct bit_exec *exec, const struct bit_fused_product *product);
};

extern const struct bit_exec_ops bit_exec_ops_host; /* cpu/host.c: the process's own memory */
extern const struct bit_exec_ops bit_exec_ops_cuda;
extern const struct bit_device_ops bit_device_ops_cuda;
extern const struct bit_mark_ops bit_mark_ops_cuda;
extern const struct bit_lane_ops bit_lane_ops_cuda;
extern const struct bit_replay_ops bit_replay_ops_cuda;
extern const struct bit_product_search_ops bit_product_search_ops_cuda;
int bit_attention_choose_cuda(const struct bit_exec *exec, int64_t batch, int64_t time, int64_t heads, int64_t head_dim,
                              enum bit_dtype dtype, struct bit_attention_choice *out);
const char *bit_fused_product_refused_cuda(const struct bit_exec *exec, const struct bit_fused_product *product);

/** NULL if it is not in this build. */
const struct bit_backend_ops *bit_backend_find(enum bit_backend backend);

#endif
