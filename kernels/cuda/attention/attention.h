/* Our own attention kernels for the GPU. attention.c chooses between these and cuDNN, and reports the choice. */
#ifndef BIT_KERNELS_CUDA_ATTENTION_H
#define BIT_KERNELS_CUDA_ATTENTION_H

#include "kernels/attention.h"
#include "kernels/cuda/gpu.h"

#define BIT_ATTENTION_MMA_DIM_MAX 128 /* the widest head whose sums fit in a warp's registers */

/* Flash attention in the tensor cores: bf16, head_dim up to BIT_ATTENTION_MMA_DIM_MAX. delta (B, H, T) f32, from
 * bit_attention_delta. */
int bit_attention_mma(const struct bit_exec *exec, const struct bit_attention_args *args);
int bit_attention_mma_backward(const struct bit_exec *exec, const struct bit_attention_backward_args *args,
                               const float *delta);

/* Bytes of delta, in the workspace of our own kernels. */
static inline size_t bit_attention_delta_bytes(int64_t batch, int64_t time, int64_t heads)
{
    return (size_t)(batch * time * heads) * sizeof(float);
}

/* For f32, and for wider heads. */
int bit_attention_plain(const struct bit_exec *exec, const struct bit_attention_args *args);
int bit_attention_plain_backward(const struct bit_exec *exec, const struct bit_attention_backward_args *args,
                                 const float *delta);

/* delta[b,h,t] = out[b,t,h] . dout[b,t,h], which is subtracted in the gradient of each score. */
int bit_attention_delta(const struct bit_exec *exec, const struct bit_attention_backward_args *args, float *delta);

#endif
