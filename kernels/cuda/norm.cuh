/* The norms' arithmetic on one row, for the operators that contain a norm. Each operation is rounded separately, so
 * that a row has the same normed bits in every operator. */
#ifndef BIT_KERNELS_CUDA_NORM_CUH
#define BIT_KERNELS_CUDA_NORM_CUH

#include "kernels/cuda/row.cuh"
extern "C" {
#include "kernels/norm.h"
}

struct bit_row_norm {
    float mean, rstd; /* 0 and 1 without a norm, which change no value */

    __device__ __forceinline__ float operator()(float x) const
    {
        return __fmul_rn(__fsub_rn(x, mean), rstd);
    }
};

template <typename Row, typename X>
__device__ __forceinline__ bit_row_norm bit_row_norm_of(const Row &row, const X &x, enum bit_norm_kind kind, float eps,
                                                        float *shared)
{
    const float count = (float)row.cols;
    bit_row_norm norm = {0, 1};
    float sum = 0, square = 0;

    if (kind == BIT_NORM_NONE)
        return norm;
    if (kind == BIT_NORM_LAYER) {
        row.each([&](int i, int c) { sum += x(i, c); });
        norm.mean = row.sum(sum, shared) / count;
    }
    row.each([&](int i, int c) {
        const float d = x(i, c) - norm.mean;
        square += d * d;
    });
    norm.rstd = 1 / sqrtf(row.sum(square, shared) / count + eps);
    return norm;
}

/* The norm of row r as the forward pass stored it, or the identity with kind NONE. */
__device__ __forceinline__ bit_row_norm bit_row_norm_kept(enum bit_norm_kind kind, const float *mean, const float *rstd,
                                                          int64_t r)
{
    return {kind == BIT_NORM_LAYER ? mean[r] : 0, kind == BIT_NORM_NONE ? 1 : rstd[r]};
}

/* dx = rstd (dy - mean(dy) - xhat var_factor mean(dy xhat)); dy itself without a norm */
struct bit_row_norm_gradient {
    bit_row_norm norm;
    float mean_dy, along_xhat;

    __device__ __forceinline__ float operator()(float x, float dy) const
    {
        return __fmul_rn(__fmaf_rn(-norm(x), along_xhat, __fsub_rn(dy, mean_dy)), norm.rstd);
    }
};

template <typename Row, typename X, typename Dy>
__device__ __forceinline__ bit_row_norm_gradient bit_row_norm_gradient_of(const Row &row, const X &x, const Dy &dy,
                                                                          enum bit_norm_kind kind, bit_row_norm norm,
                                                                          float var_factor, float *shared)
{
    const float count = (float)row.cols;

    float2 sum = {0, 0};

    if (kind == BIT_NORM_NONE)
        return {norm, 0, 0};
    row.each([&](int i, int c) {
        const float v = dy(i, c);
        sum.x = __fadd_rn(sum.x, v);
        sum.y = __fmaf_rn(v, __fsub_rn(x(i, c), norm.mean), sum.y);
    });
    sum = row.sum(sum, shared);
    return {norm, kind == BIT_NORM_LAYER ? sum.x / count : 0,
            __fmul_rn(var_factor, __fmul_rn(sum.y, norm.rstd) / count)};
}

#endif
