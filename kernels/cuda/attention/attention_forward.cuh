/* Scores, probabilities and sums of a warp's queries: shared by the forward passes in bf16 tensor cores. Include it
 * last. */
#ifndef BIT_KERNELS_CUDA_ATTENTION_FORWARD_CUH
#define BIT_KERNELS_CUDA_ATTENTION_FORWARD_CUH

#include "kernels/cuda/attention/attention_mma.cuh"

#define QUERIES 128
#define GROUPS  2 /* of 16 queries, for each warp */

/* scores (16 x 64 for each group) = this warp's queries times the tile's keys. */
template <int D> __device__ __forceinline__ void score(float (&s)[GROUPS][8][4], uint32_t queries, uint32_t keys)
{
#pragma unroll
    for (int r = 0; r < GROUPS; r++)
#pragma unroll
        for (int n = 0; n < 8; n++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                s[r][n][e] = 0;
#pragma unroll
    for (int k = 0; k < D / 16; k++) {
        uint32_t a[GROUPS][4], b[4];
#pragma unroll
        for (int r = 0; r < GROUPS; r++)
            load_fragment(a[r], fragment_at<QUERIES>(queries, r * 16, k));
#pragma unroll
        for (int n = 0; n < 4; n++) {
            load_fragment(b, fragment_at<TILE>(keys, n * 16, k));
#pragma unroll
            for (int r = 0; r < GROUPS; r++) {
                multiply(s[r][2 * n], a[r], b[0], b[1]);
                multiply(s[r][2 * n + 1], a[r], b[2], b[3]);
            }
        }
    }
}

/* Sets scores of keys after their query to -inf; `row` is the lane's upper row, counted from the tile's first key. */
__device__ __forceinline__ void hide_future(float (&s)[8][4], int row)
{
#pragma unroll
    for (int n = 0; n < 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            if (n * 8 + threadIdx.x % 4 * 2 + e % 2 > row + e / 2 * 8)
                s[n][e] = -INFINITY;
}

/*
 * Replaces scores by probabilities relative to the row's maximum so far, and rescales sums that are relative to an
 * older maximum. The first tile has a key for every query, so the maximum is never -inf unless a score is.
 * half: the lane's upper row (0) or lower row (1).
 */
template <int D>
__device__ __forceinline__ void soften(float (&s)[8][4], float (&out)[D / 8][4], float &max, float &sum, int half,
                                       float to_log2)
{
    float most = s[0][2 * half], total = 0;

#pragma unroll
    for (int n = 0; n < 8; n++)
        most = fmaxf(most, fmaxf(s[n][2 * half], s[n][2 * half + 1]));
    most = fmaxf(max, row_max(most));
    const float correction = exp2_near((max - most) * to_log2), base = most * to_log2;
#pragma unroll
    for (int n = 0; n < 8; n++)
#pragma unroll
        for (int e = 2 * half; e < 2 * half + 2; e++) {
            s[n][e] = exp2_near(fmaf(s[n][e], to_log2, -base));
            total += s[n][e];
        }
    max = most;
    sum = sum * correction + total;
#pragma unroll
    for (int n = 0; n < D / 8; n++) {
        out[n][2 * half] *= correction;
        out[n][2 * half + 1] *= correction;
    }
}

template <int D>
__device__ __forceinline__ void add_values(float (&out)[GROUPS][D / 8][4], const float (&p)[GROUPS][8][4],
                                           uint32_t values)
{
#pragma unroll
    for (int k = 0; k < 4; k++) {
        uint32_t a[GROUPS][4], b[4];
#pragma unroll
        for (int r = 0; r < GROUPS; r++)
            as_left(a[r], p[r][2 * k], p[r][2 * k + 1]);
#pragma unroll
        for (int n = 0; n < D / 16; n++) {
            load_fragment_across(b, fragment_at<TILE>(values, k * 16, n));
#pragma unroll
            for (int r = 0; r < GROUPS; r++) {
                multiply(out[r][2 * n], a[r], b[0], b[1]);
                multiply(out[r][2 * n + 1], a[r], b[2], b[3]);
            }
        }
    }
}

#endif
