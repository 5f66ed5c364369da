/*
 * Causal attention in bf16 tensor cores, backward. Probabilities are recomputed from the forward pass's lse. There are
 * two kernels: one goes over the keys for 64 queries (dq), one over the queries for 64 keys (dk, dv). Each has its sums
 * in registers and adds in a fixed order, so that every run gives the same bits. This takes seven products; five would
 * do if dq were summed in memory, but in an order that depends on timing.
 *     p = exp(s - lse)    dv = p^T dout    dp = dout v^T    ds = p (dp - delta)    dq = ds k scale    dk = ds^T q scale
 * p and ds are rounded to bf16 for their products. Tiles are double-buffered in two stages.
 */
#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/cuda/attention/attention.h"
}
#include "kernels/cuda/attention/attention_mma.cuh"

struct backward_params {
    const bf16 *qkv, *dout;
    const float *lse, *delta;
    bf16 *dqkv;
    int time, heads, dim, heads_all, tiles; /* heads_all: batch times heads */
    float scale, to_log2;                   /* of scores; to_log2 = scale / ln 2 */
};

template <typename T>
__device__ __forceinline__ rows_of<T> part_of(const backward_params &p, T *packed, int head, int part)
{
    const int64_t stride = (int64_t)3 * p.heads * p.dim;

    return {packed + head / p.heads * (p.time * stride) + (int64_t)(part * p.heads + head % p.heads) * p.dim, stride,
            p.time, p.dim};
}

__device__ __forceinline__ rows_of<const bf16> dout_of(const backward_params &p, int head)
{
    const int64_t stride = (int64_t)p.heads * p.dim;

    return {p.dout + head / p.heads * (p.time * stride) + (int64_t)(head % p.heads) * p.dim, stride, p.time, p.dim};
}

/* sums (16 x 8 N) = this warp's rows times 8 N rows of another tile, starting at `row`: dot products along D. */
template <int D, int N>
__device__ __forceinline__ void multiply_rows(float (&sums)[N][4], uint32_t left, uint32_t right, int row)
{
#pragma unroll
    for (int n = 0; n < N; n++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            sums[n][e] = 0;
#pragma unroll
    for (int k = 0; k < D / 16; k++) {
        uint32_t a[4], b[4];

        load_fragment(a, fragment_at<TILE>(left, 0, k));
#pragma unroll
        for (int n = 0; n < N / 2; n++) {
            load_fragment(b, fragment_at<TILE>(right, row + n * 16, k));
            multiply(sums[2 * n], a, b[0], b[1]);
            multiply(sums[2 * n + 1], a, b[2], b[3]);
        }
    }
}

/* sums (16 x D) += weights (16 x 8 N) times 8 N rows of a tile, starting at `row`. */
template <int D, int N>
__device__ __forceinline__ void add_rows(float (&sums)[D / 8][4], const float (&weights)[N][4], uint32_t across,
                                         int row)
{
#pragma unroll
    for (int k = 0; k < N / 2; k++) {
        uint32_t a[4], b[4];

        as_left(a, weights[2 * k], weights[2 * k + 1]);
#pragma unroll
        for (int n = 0; n < D / 16; n++) {
            load_fragment_across(b, fragment_at<TILE>(across, row + k * 16, n));
            multiply(sums[2 * n], a, b[0], b[1]);
            multiply(sums[2 * n + 1], a, b[2], b[3]);
        }
    }
}

/* ---- dq */

template <int D, bool WIDE> static __global__ void __launch_bounds__(THREADS, 2) attention_dq(const backward_params p)
{
    extern __shared__ __align__(1024) uint8_t shared[];
    constexpr uint32_t bytes = TILE * D * 2;
    const uint32_t q = (uint32_t)__cvta_generic_to_shared(shared), dout = q + bytes, stages = dout + bytes;
    const place at = place_of(blockIdx.x, p.heads_all, p.tiles);
    const int first = (p.tiles - 1 - at.turn) * TILE, warp_row = threadIdx.x / BIT_WARP * 16;
    const int row = first + warp_row + threadIdx.x % BIT_WARP / 4;
    const rows_of<const bf16> keys = part_of(p, p.qkv, at.head, 1), values = part_of(p, p.qkv, at.head, 2);
    const uint32_t q_base = left_base(q) + warp_row * 128, dout_base = left_base(dout) + warp_row * 128;
    const uint32_t right = right_base(stages), across = left_base(stages);
    float dq[D / 8][4] = {}, s[8][4], dp[8][4], lse[2], delta[2];

    load_tile<TILE, D, WIDE>(q, part_of(p, p.qkv, at.head, 0), first);
    load_tile<TILE, D, WIDE>(dout, dout_of(p, at.head), first);
    load_tile<TILE, D, WIDE>(stages, keys, 0);
    load_tile<TILE, D, WIDE>(stages + bytes, values, 0);
    for (int half = 0; half < 2; half++) {
        const int64_t i = (int64_t)at.head * p.time + row + half * 8;

        lse[half] = row + half * 8 < p.time ? p.lse[i] * (float)M_LOG2E : 0;
        delta[half] = row + half * 8 < p.time ? p.delta[i] : 0;
    }
    for (int key = 0, stage = 0; key <= first; key += TILE, stage ^= 1) {
        const uint32_t here = stage * 2 * bytes, next = stages + (stage ^ 1) * 2 * bytes;

        copies_wait();
        __syncthreads(); /* this stage has arrived, and every warp has read the other one */
        if (key < first) {
            load_tile<TILE, D, WIDE>(next, keys, key + TILE);
            load_tile<TILE, D, WIDE>(next + bytes, values, key + TILE);
        }
        multiply_rows<D, 8>(s, q_base, right + here, 0);
        multiply_rows<D, 8>(dp, dout_base, right + here + bytes, 0);
#pragma unroll
        for (int n = 0; n < 8; n++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                const bool future = key + n * 8 + threadIdx.x % 4 * 2 + e % 2 > row + e / 2 * 8;
                const float probability = exp2_near(fmaf(s[n][e], p.to_log2, -lse[e / 2]));

                s[n][e] = future ? 0 : probability * (dp[n][e] - delta[e / 2]);
            }
        add_rows<D, 8>(dq, s, across + here, 0);
    }
    store_rows<TILE, D, WIDE>(dq, p.scale, p.scale, q, warp_row, part_of(p, p.dqkv, at.head, 0), first);
}

/* ---- dk and dv */

#define QUERIES 32 /* of a tile, at once: more would not fit in registers together with the two sums */

/* lse and delta of the tile's queries; queries beyond the last have zeros in all their rows, and add nothing. */
template <int TIME>
__device__ __forceinline__ void load_numbers(uint32_t to, const backward_params &p, int head, int first)
{
    const int i = threadIdx.x % TIME, query = first + i;
    const float *from = threadIdx.x < TIME ? p.lse : p.delta;

    static_assert(THREADS == 2 * TIME, "one number for each thread");
    copy_async_4(to + threadIdx.x * 4, query < p.time ? from + (int64_t)head * p.time + query : from, query < p.time);
}

__device__ __forceinline__ float2 load_two(uint32_t at)
{
    float2 v;

    asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(v.x), "=f"(v.y) : "r"(at) : "memory");
    return v;
}

/* Scores and their gradients, transposed (keys are rows): s becomes the probabilities, dp the score gradients. */
__device__ __forceinline__ void soften(float (&s)[QUERIES / 8][4], float (&dp)[QUERIES / 8][4], uint32_t numbers,
                                       int query, int key, float to_log2)
{
#pragma unroll
    for (int n = 0; n < QUERIES / 8; n++) {
        const int column = n * 8 + threadIdx.x % 4 * 2;
        const float2 lse = load_two(numbers + column * 4), delta = load_two(numbers + (TILE + column) * 4);

#pragma unroll
        for (int e = 0; e < 4; e++) {
            const float base = (e % 2 == 0 ? lse.x : lse.y) * (float)M_LOG2E;
            const bool future = key + e / 2 * 8 > query + column + e % 2;
            const float probability = exp2_near(fmaf(s[n][e], to_log2, -base));

            dp[n][e] = future ? 0 : probability * (dp[n][e] - (e % 2 == 0 ? delta.x : delta.y));
            s[n][e] = future ? 0 : probability;
        }
    }
}

template <int D, bool WIDE> static __global__ void __launch_bounds__(THREADS, 2) attention_dkv(const backward_params p)
{
    extern __shared__ __align__(1024) uint8_t shared[];
    constexpr uint32_t bytes = TILE * D * 2;
    const uint32_t k = (uint32_t)__cvta_generic_to_shared(shared), v = k + bytes, stages = v + bytes;
    const uint32_t numbers = stages + 4 * bytes; /* for each stage lse, then delta */
    const place at = place_of(blockIdx.x, p.heads_all, p.tiles);
    const int first = at.turn * TILE, warp_row = threadIdx.x / BIT_WARP * 16;
    const int key = first + warp_row + threadIdx.x % BIT_WARP / 4;
    const rows_of<const bf16> queries = part_of(p, p.qkv, at.head, 0), douts = dout_of(p, at.head);
    const uint32_t k_base = left_base(k) + warp_row * 128, v_base = left_base(v) + warp_row * 128;
    const uint32_t right = right_base(stages), across = left_base(stages);
    float dk[D / 8][4] = {}, dv[D / 8][4] = {}, s[QUERIES / 8][4], dp[QUERIES / 8][4];

    load_tile<TILE, D, WIDE>(k, part_of(p, p.qkv, at.head, 1), first);
    load_tile<TILE, D, WIDE>(v, part_of(p, p.qkv, at.head, 2), first);
    load_tile<TILE, D, WIDE>(stages, queries, first);
    load_tile<TILE, D, WIDE>(stages + bytes, douts, first);
    load_numbers<TILE>(numbers, p, at.head, first);
    for (int tile = first, stage = 0; tile < p.time; tile += TILE, stage ^= 1) {
        const uint32_t here = stage * 2 * bytes, next = stages + (stage ^ 1) * 2 * bytes;

        copies_wait();
        __syncthreads(); /* this stage has arrived, and every warp has read the other one */
        if (tile + TILE < p.time) {
            load_tile<TILE, D, WIDE>(next, queries, tile + TILE);
            load_tile<TILE, D, WIDE>(next + bytes, douts, tile + TILE);
            load_numbers<TILE>(numbers + (stage ^ 1) * THREADS * 4, p, at.head, tile + TILE);
        }
#pragma unroll
        for (int row = 0; row < TILE; row += QUERIES) {
            multiply_rows<D, QUERIES / 8>(s, k_base, right + here, row);
            multiply_rows<D, QUERIES / 8>(dp, v_base, right + here + bytes, row);
            soften(s, dp, numbers + (stage * THREADS + row) * 4, tile + row, key, p.to_log2);
            add_rows<D, QUERIES / 8>(dv, s, across + here + bytes, row);
            add_rows<D, QUERIES / 8>(dk, dp, across + here, row);
        }
    }
    store_rows<TILE, D, WIDE>(dk, p.scale, p.scale, k, warp_row, part_of(p, p.dqkv, at.head, 1), first);
    store_rows<TILE, D, WIDE>(dv, 1, 1, v, warp_row, part_of(p, p.dqkv, at.head, 2), first);
}

/* ---- launches */

template <int D, bool WIDE> static int launch(const struct bit_exec *exec, const backward_params &p)
{
    const unsigned blocks = (unsigned)(p.heads_all * p.tiles);
    const int bytes = 6 * TILE * D * 2, numbers = 2 * THREADS * 4;
    int err = bit_gpu_try(
        cudaFuncSetAttribute(attention_dq<D, WIDE>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));

    if (err >= 0)
        err = bit_gpu_try(
            cudaFuncSetAttribute(attention_dkv<D, WIDE>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes + numbers));
    if (err < 0)
        return err;
    attention_dq<D, WIDE><<<blocks, THREADS, bytes, exec->gpu->stream>>>(p);
    attention_dkv<D, WIDE><<<blocks, THREADS, bytes + numbers, exec->gpu->stream>>>(p);
    return bit_gpu_launched("attention_backward");
}

extern "C" int bit_attention_mma_backward(const struct bit_exec *exec, const struct bit_attention_backward_args *args,
                                          const float *delta)
{
    const double scale = 1 / sqrt((double)args->head_dim);

    const backward_params p = {(const bf16 *)args->qkv,
                               (const bf16 *)args->dout,
                               args->lse,
                               delta,
                               (bf16 *)args->dqkv,
                               (int)args->time,
                               (int)args->heads,
                               (int)args->head_dim,
                               (int)(args->batch * args->heads),
                               (int)((args->time + TILE - 1) / TILE),
                               (float)scale,
                               (float)(scale * M_LOG2E)};
    const bool wide = bit_aligned(args->qkv, args->head_dim * 2, 16) && bit_aligned(args->dout, 0, 16) &&
                      bit_aligned(args->dqkv, 0, 16);

    if (args->head_dim <= 64)
        return wide ? launch<64, true>(exec, p) : launch<64, false>(exec, p);
    return wide ? launch<128, true>(exec, p) : launch<128, false>(exec, p);
}
