/* The measure of a row and its codes, for the operators that end in them. The order of the float operations is the
 * contract's: quantise.h. */
#ifndef BIT_KERNELS_QUANTISE_CUDA_CUH
#define BIT_KERNELS_QUANTISE_CUDA_CUH

#include <float.h>

#include "kernels/row_cuda.cuh"
extern "C" {
#include "kernels/quantise.h"
}

/*
 * The lower median of |n|: the least magnitude that more than (C - 1) / 2 do not exceed, by halving the range of its
 * bits, which are ordered as magnitudes are. Fewer than half can exceed twice the mean, and nearly always the median is
 * within four octaves of that: the first cut.
 */
template <typename Row, typename N>
__device__ __forceinline__ float bit_row_median(const Row &row, const N &n, float mean, float *shared)
{
    const int rank = (int)((row.cols - 1) / 2);
    int low = 0, high = mean < FLT_MAX / 4 ? __float_as_int(2.01f * mean) + 1 : INT_MAX;

    for (int cut = max(high - (4 << 23), high / 2); low < high; cut = low + (high - low) / 2) {
        int count = 0;
        row.each([&](int i, int c) { count += __float_as_int(fabsf(n(i, c))) <= cut; });
        if (row.sum(count, (int *)shared) > rank)
            high = cut;
        else
            low = cut + 1;
    }
    return __int_as_float(low);
}

template <typename Row, typename N>
__device__ __forceinline__ float bit_row_measure(const Row &row, const N &n, enum bit_measure measure, float *shared)
{
    float max = 0, sum = 0;

    if (measure == BIT_MEASURE_ABSMAX) {
        row.each([&](int i, int c) { max = fmaxf(max, fabsf(n(i, c))); });
        return row.max(max, shared);
    }
    row.each([&](int i, int c) { sum += fabsf(n(i, c)); });
    const float mean = row.sum(sum, shared) / (float)row.cols;
    return measure == BIT_MEASURE_MEAN ? mean : bit_row_median(row, n, mean, shared);
}

__device__ __forceinline__ float bit_code(float u)
{
    return fmaxf(fminf(rintf(u), 127), -128);
}

#endif
