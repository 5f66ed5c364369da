/* Products of rows of f32 in shared memory with a warp's own row: shared by the plain passes. Include it last. */
#ifndef BIT_KERNELS_CUDA_ATTENTION_PLAIN_CUH
#define BIT_KERNELS_CUDA_ATTENTION_PLAIN_CUH

#include "kernels/cuda/util.cuh"
extern "C" {
#include "proto/limits.h"
}

#define WARPS   8
#define THREADS (WARPS * BIT_WARP)
#define COLUMNS (BIT_HEAD_DIM_MAX / BIT_WARP) /* per lane, at most */

__device__ __forceinline__ float dot(const float *a, const float *b, int dim)
{
    float even = 0, odd = 0;

    for (int d = 0; d < dim; d += 2) {
        even += a[d] * b[d];
        odd += a[d + 1] * b[d + 1];
    }
    return even + odd;
}

/* sums[c], for column lane + 32 c, += the sum over 32 rows of weight (one per lane) times row. */
__device__ __forceinline__ void add_rows(float (&sums)[COLUMNS], float weight, const float *rows, int dim)
{
    for (int r = 0; r < BIT_WARP; r++) {
        const float w = __shfl_sync(0xffffffffu, weight, r);

#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            const int d = c * BIT_WARP + threadIdx.x % BIT_WARP;
            if (d < dim)
                sums[c] += w * rows[r * (dim + 1) + d];
        }
    }
}

template <typename T>
__device__ __forceinline__ void store_row(T *to, int64_t at, const float (&sums)[COLUMNS], float factor, int dim)
{
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
        const int d = c * BIT_WARP + threadIdx.x % BIT_WARP;
        if (d < dim)
            to[at + d] = bit_from_f32<T>(sums[c] * factor);
    }
}

#endif
