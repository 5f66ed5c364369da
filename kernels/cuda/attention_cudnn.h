/* Attention by cuDNN: a plan for each shape, built once and kept with the GPU (BIT_GPU_CACHE_ATTENTION). */
#ifndef BIT_KERNELS_CUDA_ATTENTION_CUDNN_H
#define BIT_KERNELS_CUDA_ATTENTION_CUDNN_H

#include <stdbool.h>

#include "kernels/attention.h"
#include "kernels/cuda/gpu.h"

/* Causal, bf16. */
struct bit_cudnn_attention_shape {
    int64_t batch, time, heads, head_dim;
    bool backward, deterministic; /* deterministic: of the backward pass, whose sums for dq else depend on timing */
};

struct bit_cudnn_attention; /* a plan */

/**
 * The plan for a shape; building it takes up to seconds, finding it again does not. NULL where cuDNN has none. *why is
 * the reason, or cuDNN's version, until the GPU is closed.
 */
const struct bit_cudnn_attention *bit_cudnn_attention_plan(struct bit_gpu *gpu,
                                                           const struct bit_cudnn_attention_shape *shape,
                                                           const char **why);
size_t bit_cudnn_attention_workspace(const struct bit_cudnn_attention *plan);

/* Pointers are aligned to 16 bytes, the workspace to 256 and as large as the plan says. */
int bit_cudnn_attention(struct bit_gpu *gpu, const struct bit_cudnn_attention *plan,
                        const struct bit_attention_args *args, void *workspace);
int bit_cudnn_attention_backward(struct bit_gpu *gpu, const struct bit_cudnn_attention *plan,
                                 const struct bit_attention_backward_args *args, void *workspace);

#endif
