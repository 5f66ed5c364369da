/* Utilities for kernels: reductions over warps and blocks, loads and stores of several elements, conversions. A .cu
 * file includes this first, then its operator's header within extern "C". */
#ifndef BIT_KERNELS_CUDA_UTIL_CUH
#define BIT_KERNELS_CUDA_UTIL_CUH

#include <cuda_bf16.h>
#include <stdint.h>

#include "kernels/cuda/gpu.h"

#define BIT_WARP 32

/* The sum over a warp, with the same bits in every lane. For int it is one instruction. */
__device__ __forceinline__ int bit_warp_sum(int v)
{
    return __reduce_add_sync(0xffffffffu, v);
}

template <typename T> __device__ __forceinline__ T bit_warp_sum(T v)
{
#pragma unroll
    for (int lane = BIT_WARP / 2; lane > 0; lane /= 2)
        v += __shfl_xor_sync(0xffffffffu, v, lane);
    return v;
}

__device__ __forceinline__ float bit_warp_max(float v)
{
#pragma unroll
    for (int lane = BIT_WARP / 2; lane > 0; lane /= 2)
        v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, lane));
    return v;
}

/*
 * The sum over a block of THREADS, in every thread. `shared` has THREADS / BIT_WARP elements and may be reused after
 * the next barrier: the first barrier here keeps a second call from overwriting what a slow warp still reads.
 */
template <int THREADS, typename T> __device__ __forceinline__ T bit_block_sum(T v, T *shared)
{
    const int warp = threadIdx.x / BIT_WARP, lane = threadIdx.x % BIT_WARP;

    T sum = 0;

    v = bit_warp_sum(v);
    __syncthreads();
    if (lane == 0)
        shared[warp] = v;
    __syncthreads();
#pragma unroll
    for (int w = 0; w < THREADS / BIT_WARP; w++)
        sum += shared[w];
    return sum;
}

template <int THREADS> __device__ __forceinline__ float bit_block_max(float v, float *shared)
{
    const int warp = threadIdx.x / BIT_WARP, lane = threadIdx.x % BIT_WARP;

    v = bit_warp_max(v);
    __syncthreads();
    if (lane == 0)
        shared[warp] = v;
    __syncthreads();
    v = shared[0];
#pragma unroll
    for (int w = 1; w < THREADS / BIT_WARP; w++)
        v = fmaxf(v, shared[w]);
    return v;
}

__device__ __forceinline__ float bit_to_f32(float v)
{
    return v;
}
__device__ __forceinline__ float bit_to_f32(__nv_bfloat16 v)
{
    return __bfloat162float(v);
}
template <typename T> __device__ __forceinline__ T bit_from_f32(float v);
template <> __device__ __forceinline__ float bit_from_f32<float>(float v)
{
    return v;
}
template <> __device__ __forceinline__ __nv_bfloat16 bit_from_f32<__nv_bfloat16>(float v)
{
    return __float2bfloat16_rn(v);
}

/* 2^x and 1/x by the special function unit, to 2 and 1 units in the last place; subnormal results are 0. */
__device__ __forceinline__ float bit_exp2(float x)
{
    float y;

    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
__device__ __forceinline__ float bit_inverse(float x)
{
    float y;

    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/* N elements in one access; the address must be a multiple of its size in bytes. */
template <typename T, int N> struct alignas(sizeof(T) * N) bit_pack {
    T v[N];
};
template <typename T, int N> __device__ __forceinline__ bit_pack<T, N> bit_load(const T *from)
{
    return *reinterpret_cast<const bit_pack<T, N> *>(from);
}
template <typename T, int N> __device__ __forceinline__ void bit_store(T *to, const bit_pack<T, N> &v)
{
    *reinterpret_cast<bit_pack<T, N> *>(to) = v;
}

/* Whether all rows of row_bytes at `p` begin at a multiple of `bytes`. */
static inline bool bit_aligned(const void *p, int64_t row_bytes, int bytes)
{
    return (uintptr_t)p % bytes == 0 && row_bytes % bytes == 0;
}

#endif
