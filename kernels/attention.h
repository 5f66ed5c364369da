/* Causal attention without materialised scores, forward and backward. */
#ifndef BIT_KERNELS_ATTENTION_H
#define BIT_KERNELS_ATTENTION_H

#include "kernels/exec/op.h"

BIT_OP_DECLARE(attention);
/**
 * out[b,t,h] = sum_{s<=t} softmax_s(q[b,t,h] . k[b,s,h] / sqrt(D)) v[b,s,h].
 * lse is the log of each row's sum of exponentials, kept for the backward pass.
 * Shapes      qkv (B, T, 3, H, D) packed; out (B, T, H, D); lse (B, H, T). T >= 1; D even, up to BIT_HEAD_DIM_MAX
 * Dtypes      qkv, out both f32 or both bf16; lse and all sums f32
 * Order       deterministic for any number of threads, except cuDNN's backward pass, which is deterministic only with
 *             exec->deterministic
 */
struct bit_attention_args {
    int64_t batch, time, heads, head_dim;
    const void *qkv;
    void *out;
    float *lse;
    enum bit_dtype dtype;
};

BIT_OP_DECLARE(attention_backward);
/**
 * dqkv from dout, overwriting.
 * Shapes      dqkv (B, T, 3, H, D); dout (B, T, H, D); the others as attention's
 * Dtypes      dqkv, qkv, out, dout all of `dtype`; lse f32
 */
struct bit_attention_backward_args {
    int64_t batch, time, heads, head_dim;
    const void *qkv, *out, *dout;
    const float *lse;
    void *dqkv;
    enum bit_dtype dtype;
};

/** Bytes of exec->workspace that each pass needs on a processor. */
size_t bit_attention_backward_workspace(int threads, int64_t batch, int64_t time, int64_t heads, int64_t head_dim);
size_t bit_attention_workspace(int threads, int64_t batch, int64_t time, int64_t heads, int64_t head_dim);
/** The same for the GPU, computed without one: an upper bound for every bit_attention_way. */
size_t bit_attention_workspace_cuda(int64_t batch, int64_t time, int64_t heads, int64_t head_dim);
size_t bit_attention_backward_workspace_cuda(int64_t batch, int64_t time, int64_t heads, int64_t head_dim,
                                             bool deterministic);

/* What computes attention on CUDA, with the reason if it is our own kernels: "cuDNN 91400", "own kernels (...)". */
struct bit_attention_choice {
    char forward[192], backward[192];
};
/**
 * What exec->attention, exec->deterministic and exec->workspace_bytes select at this shape. It makes cuDNN's plans,
 * which can take seconds: call it before the first step. Errors: -ENOTSUP if the backend is not CUDA
 */
int bit_attention_choose(const struct bit_exec *exec, int64_t batch, int64_t time, int64_t heads, int64_t head_dim,
                         enum bit_dtype dtype, struct bit_attention_choice *out);

#endif
