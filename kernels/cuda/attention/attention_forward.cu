/*
 * Causal attention in bf16 tensor cores, forward. A block has 128 queries of one head, 32 for each warp, and goes over
 * the keys up to its last query in tiles of 64. For each tile it computes scores, updates each row's maximum and sum,
 * and rescales the output. Keys and values have one tile each: while one is multiplied, the other is loaded. Scores and
 * sums stay in f32 registers; probabilities are rounded to bf16 for their product with the values.
 */
#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/cuda/attention/attention.h"
}
#include "kernels/cuda/attention/attention_forward.cuh"

struct forward_params {
    const bf16 *qkv;
    bf16 *out;
    float *lse;
    int time, heads, dim, heads_all, tiles; /* heads_all: batch times heads */
    float scale, to_log2;                   /* of scores; to_log2 = scale / ln 2 */
};

__device__ __forceinline__ rows_of<const bf16> part_of(const forward_params &p, int head, int part)
{
    const int64_t stride = (int64_t)3 * p.heads * p.dim;

    return {p.qkv + head / p.heads * (p.time * stride) + (int64_t)(part * p.heads + head % p.heads) * p.dim, stride,
            p.time, p.dim};
}

template <int D, bool WIDE>
static __global__ void __launch_bounds__(THREADS, 2) attention_forward(const forward_params p)
{
    extern __shared__ __align__(1024) uint8_t shared[];
    const uint32_t q = (uint32_t)__cvta_generic_to_shared(shared), k = q + QUERIES * D * 2, v = k + TILE * D * 2;
    const place at = place_of(blockIdx.x, p.heads_all, p.tiles);
    const int first = (p.tiles - 1 - at.turn) * QUERIES, warp_row = threadIdx.x / BIT_WARP * 16 * GROUPS;
    const int lane_row = first + warp_row + threadIdx.x % BIT_WARP / 4;
    const rows_of<const bf16> keys = part_of(p, at.head, 1), values = part_of(p, at.head, 2);
    const uint32_t q_base = left_base(q) + warp_row * 128, k_base = right_base(k), v_base = left_base(v);
    float out[GROUPS][D / 8][4] = {}, max[GROUPS][2], sum[GROUPS][2] = {}, s[GROUPS][8][4];

    for (int r = 0; r < GROUPS; r++)
        max[r][0] = max[r][1] = -INFINITY;
    load_tile<QUERIES, D, WIDE>(q, part_of(p, at.head, 0), first);
    load_tile<TILE, D, WIDE>(k, keys, 0);
    const int end = min(first + QUERIES, p.time);
    for (int key = 0; key < end; key += TILE) {
        const bool needed = key < first + warp_row + 16 * GROUPS; /* false if all keys are after the warp's queries */

        copies_wait();
        __syncthreads(); /* the keys have arrived, and every warp has read the previous values */
        load_tile<TILE, D, WIDE>(v, values, key);
        if (needed)
            score<D>(s, q_base, k_base);
        copies_wait();
        __syncthreads(); /* the values have arrived, and every warp has read the keys */
        if (key + TILE < end)
            load_tile<TILE, D, WIDE>(k, keys, key + TILE);
        if (!needed)
            continue;
#pragma unroll
        for (int r = 0; r < GROUPS; r++) {
            if (key + TILE > first + warp_row)
                hide_future(s[r], lane_row + r * 16 - key);
            soften<D>(s[r], out[r], max[r][0], sum[r][0], 0, p.to_log2);
            soften<D>(s[r], out[r], max[r][1], sum[r][1], 1, p.to_log2);
        }
        add_values<D>(out, s, v_base);
    }
    const int64_t out_stride = (int64_t)p.heads * p.dim;
    const rows_of<bf16> to = {p.out + at.head / p.heads * (p.time * out_stride) + (int64_t)(at.head % p.heads) * p.dim,
                              out_stride, p.time, p.dim};
#pragma unroll
    for (int r = 0; r < GROUPS; r++) {
        const float upper = row_sum(sum[r][0]), lower = row_sum(sum[r][1]);
        const int row = lane_row + r * 16;

        store_rows<QUERIES, D, WIDE>(out[r], 1 / upper, 1 / lower, q, warp_row + r * 16, to, first);
        if (threadIdx.x % 4 == 0 && row < p.time)
            p.lse[(int64_t)at.head * p.time + row] = max[r][0] * p.scale + logf(upper);
        if (threadIdx.x % 4 == 0 && row + 8 < p.time)
            p.lse[(int64_t)at.head * p.time + row + 8] = max[r][1] * p.scale + logf(lower);
    }
}

template <int D, bool WIDE> static int launch(const struct bit_exec *exec, const forward_params &p)
{
    const int bytes = (QUERIES + 2 * TILE) * D * 2;
    int err = bit_gpu_try(
        cudaFuncSetAttribute(attention_forward<D, WIDE>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));

    if (err < 0)
        return err;
    attention_forward<D, WIDE><<<(unsigned)(p.heads_all * p.tiles), THREADS, bytes, exec->gpu->stream>>>(p);
    return bit_gpu_launched("attention");
}

extern "C" int bit_attention_mma(const struct bit_exec *exec, const struct bit_attention_args *args)
{
    const double scale = 1 / sqrt((double)args->head_dim);

    const forward_params p = {(const bf16 *)args->qkv,
                              (bf16 *)args->out,
                              args->lse,
                              (int)args->time,
                              (int)args->heads,
                              (int)args->head_dim,
                              (int)(args->batch * args->heads),
                              (int)((args->time + QUERIES - 1) / QUERIES),
                              (float)scale,
                              (float)(scale * M_LOG2E)};
    const bool wide = bit_aligned(args->qkv, args->head_dim * 2, 16) && bit_aligned(args->out, 0, 16);

    if (args->head_dim <= 64)
        return wide ? launch<64, true>(exec, p) : launch<64, false>(exec, p);
    return wide ? launch<128, true>(exec, p) : launch<128, false>(exec, p);
}
