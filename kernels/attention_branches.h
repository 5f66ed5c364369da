/* Causal attention over sequences of any lengths that share beginnings, packed without padding; forward alone. */
#ifndef BIT_KERNELS_ATTENTION_BRANCHES_H
#define BIT_KERNELS_ATTENTION_BRANCHES_H

#include "kernels/exec/op.h"

/* A range of rows that continues another one, its trunk: each row sees the whole trunk, and its own range up to itself.
 * A sequence by itself is a branch without a trunk (trunk_rows 0). */
struct bit_branch {
    int32_t first, rows, trunk_first, trunk_rows;
};

BIT_OP_DECLARE(attention_branches);
/**
 * out[r,h] = sum over the rows s that r sees of softmax_s(q[r,h] . k[s,h] / sqrt(D)) v[s,h].
 * Shapes      qkv (R, 3, H, D) packed; out (R, H, D); branches (count), in the backend's memory: ranges within R, each
 *             of one row at least, and trunk and range together of at most `time` rows: a processor refuses others, a
 *             GPU stops at them. A row of two branches has either's result; a row of none is left as it is. D even, up
 *             to BIT_HEAD_DIM_MAX
 * Dtypes      qkv, out both f32 or both bf16; all sums f32
 * Order       deterministic for any number of threads. A row's bits depend on what it sees, and on how many of these
 *             rows are trunk, but not on where they lie or on other branches
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
