/* Attention over branches on the GPU: the kernels without tensor cores. */
#ifndef BIT_KERNELS_CUDA_ATTENTION_BRANCHES_H
#define BIT_KERNELS_CUDA_ATTENTION_BRANCHES_H

#include "kernels/attention_branches.h"
#include "kernels/cuda/gpu.h"

/* For f32, and for heads that are too wide for the tensor-core kernels. */
int bit_attention_branches_plain(const struct bit_exec *exec, const struct bit_attention_branches_args *args);

#endif
