/* SwiGLU's arithmetic on one element. Each operation is rounded separately, so fused operators give the same bits. */
#ifndef BIT_KERNELS_CUDA_SWIGLU_CUH
#define BIT_KERNELS_CUDA_SWIGLU_CUH

#include "kernels/cuda/util.cuh"

__device__ __forceinline__ float bit_sigmoid(float x)
{
    return bit_inverse(__fadd_rn(1, bit_exp2(__fmul_rn(x, -1.44269504f))));
}

__device__ __forceinline__ float bit_swiglu_value(float up, float gate)
{
    return __fmul_rn(__fmul_rn(up, gate), bit_sigmoid(gate));
}

/* The gradients of up (x) and gate (y). */
__device__ __forceinline__ float2 bit_swiglu_gradient(float up, float gate, float dy)
{
    const float s = bit_sigmoid(gate), silu = __fmul_rn(gate, s);

    return {__fmul_rn(dy, silu), __fmul_rn(__fmul_rn(dy, up), __fmaf_rn(silu, __fsub_rn(1, s), s))};
}

#endif
