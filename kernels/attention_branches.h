/* Causal attention over sequences of any lengths that share prefixes, packed without padding; forward only. */
#ifndef BIT_KERNELS_ATTENTION_BRANCHES_H
#define BIT_KERNELS_ATTENTION_BRANCHES_H

#include "kernels/exec/op.h"

/* A range of rows that continues another range, its trunk: each row attends to the whole trunk, and to its own range up
 * to itself. A sequence that shares no prefix is a branch without a trunk (trunk_rows 0). */
struct bit_branch {
    int32_t first, rows, trunk_first, trunk_rows;
};

BIT_OP_DECLARE(attention_branches);
/**
 * out[r,h] = sum over the rows s that r attends to of softmax_s(q[r,h] . k[s,h] / sqrt(D)) v[s,h].
 * Shapes      qkv (R, 3, H, D) packed; out (R, H, D); branches (count), in the backend's memory: ranges within R, each
 *             of at least one row, and with its trunk of at most `time` rows: a processor returns an error for others,
 *             a GPU kernel traps. A row of two branches gets the result of either; a row of none is not written. D
 *             even, up to BIT_HEAD_DIM_MAX
 * Dtypes      qkv, out both f32 or both bf16; all sums f32
 * Order       deterministic for any number of threads. A row's bits depend on the rows it attends to, and on how many
 *             of these are trunk, but not on their positions in the buffer or on other branches
 */
struct bit_attention_branches_args {
    int64_t rows, heads, head_dim, time;
    const struct bit_branch *branches;
    int64_t count;
    const void *qkv;
    void *out;
    enum bit_dtype dtype;
};

/** Bytes of exec->workspace that it needs. */
size_t bit_attention_branches_workspace(enum bit_backend backend, int threads, int64_t time, int64_t head_dim);

#endif
