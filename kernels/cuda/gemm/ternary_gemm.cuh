/* Shared by both int8 products: the order of tiles, and the scales that turn sums into y. */
#ifndef BIT_KERNELS_CUDA_TERNARY_GEMM_CUH
#define BIT_KERNELS_CUDA_TERNARY_GEMM_CUH

#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/args.h"
#include "kernels/cuda/gemm/bitlinear.h"
}

/* Columns [0, ends[0]) have scale[0], [ends[0], ends[1]) have scale[1], the rest scale[2]. */
struct column_segments {
    int ends[BIT_SEGMENTS_MAX - 1], count;
    const float *scale;

    __device__ __forceinline__ int of(int col) const
    {
        return (col >= ends[0]) + (col >= ends[1]);
    }
};

static inline column_segments column_segments_of(const bit_segments *s)
{
    column_segments out = {{INT32_MAX, INT32_MAX}, s->count, s->scale};
    int64_t end = 0;

    for (int i = 0; i + 1 < s->count; i++)
        out.ends[i] = (int)(end += s->rows[i]);
    return out;
}

/* The contract's order: a rounded product, a rounded reciprocal; the caller then does a product or an fma. */
__device__ __forceinline__ float unit_of(float x_scale, float scale)
{
    return __fdiv_rn(1.0f, __fmul_rn(x_scale, scale));
}

/* Tiles in columns of GROUP, so that blocks that run at the same time share rows of q and w in the L2 cache. */
struct tile_order {
    int m_tiles, n_tiles;
    enum { GROUP = 8 };

    __host__ __device__ int64_t count() const
    {
        return (int64_t)m_tiles * n_tiles;
    }
    __device__ __forceinline__ void at(int64_t index, int *m, int *n) const
    {
        const int group = (int)(index / ((int64_t)GROUP * n_tiles)), within = (int)(index % ((int64_t)GROUP * n_tiles));
        const int height = min(GROUP, m_tiles - group * GROUP);

        *m = group * GROUP + within % height;
        *n = within / height;
    }
};

#endif
