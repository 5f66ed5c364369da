/* Attention by cuDNN: a plan for each shape, built once and cached in bit_gpu (BIT_GPU_CACHE_ATTENTION). */
#ifndef BIT_KERNELS_CUDA_ATTENTION_CUDNN_H
#define BIT_KERNELS_CUDA_ATTENTION_CUDNN_H

#include <stdbool.h>

#include "kernels/attention.h"
#include "kernels/cuda/gpu.h"

/* Causal, bf16. */
struct bit_cudnn_attention_shape {
    int64_t batch, time, heads, head_dim;
    bool backward, deterministic; /* deterministic: backward only, whose order of sums for dq else depends on timing */
};

struct bit_cudnn_attention; /* a plan */

/**
 * The plan for a shape, cached after the first call, which can take seconds. NULL if cuDNN has none. *why is the
 * reason, or else cuDNN's version; valid until the GPU is closed.
 */
const struct bit_cudnn_attention *bit_cudnn_attention_plan(struct bit_gpu *gpu,
                                                           const struct bit_cudnn_attention_shape *shape,
                                                           const char **why);
size_t bit_cudnn_attention_workspace(const struct bit_cudnn_attention *plan);

/* Pointers must be aligned to 16 bytes, the workspace to 256; its size is bit_cudnn_attention_workspace. */
int bit_cudnn_attention(struct bit_gpu *gpu, const struct bit_cudnn_attention *plan,
                        const struct bit_attention_args *args, void *workspace);
int bit_cudnn_attention_backward(struct bit_gpu *gpu, const struct bit_cudnn_attention *plan,
                                 const struct bit_attention_backward_args *args, void *workspace);

#endif
