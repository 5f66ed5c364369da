/*
 * Attention over branches in bf16 tensor cores: the forward pass of attention_forward.cu, but over the keys of the
 * trunk first, to all of which every query attends, and then over those of the branch up to the query. A block has 128
 * queries of one branch and one head.
 */
#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/args.h"
#include "kernels/cuda/attention/attention.h"
#include "kernels/cuda/attention/attention_branches.h"
}
#include "kernels/cuda/attention/attention_forward.cuh"

struct branch_params {
    const bf16 *qkv;
    bf16 *out;
    const bit_branch *branches;
    int rows, heads, dim, time, tiles; /* tiles of queries that the longest branch can have */
    float to_log2;                     /* scale / ln 2 */
};

/* Rows [first, first + count) of q, k or v (part 0, 1 or 2) of one head. */
__device__ __forceinline__ rows_of<const bf16> part_of(const branch_params &p, int head, int part, int first, int count)
{
    const int64_t stride = (int64_t)3 * p.heads * p.dim;

    return {p.qkv + first * stride + (int64_t)(part * p.heads + head) * p.dim, stride, count, p.dim};
}

/* Traps if the branch is outside the rows, which is the caller's error: later results would be wrong. */
__device__ __forceinline__ bit_branch branch_of(const branch_params &p, int index)
{
    const bit_branch b = p.branches[index];

    if (b.rows < 1 || b.first < 0 || b.first > p.rows - b.rows || b.trunk_rows < 0 || b.trunk_first < 0 ||
        b.trunk_first > p.rows - b.trunk_rows || b.rows + b.trunk_rows > p.time)
        __trap();
    return b;
}

/* Sets the scores of a tile's keys from `count` on to -inf. */
__device__ __forceinline__ void hide_after(float (&s)[8][4], int count)
{
#pragma unroll
    for (int n = 0; n < 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            if (n * 8 + threadIdx.x % 4 * 2 + e % 2 >= count)
                s[n][e] = -INFINITY;
}

/* Tile `turn` of the trunk's tiles followed by the branch's own: whether it is the branch's, and its first key. */
struct key_tile {
    bool own;
    int first;
};
__device__ __forceinline__ key_tile key_tile_of(int turn, int trunk_tiles)
{
    const bool own = turn >= trunk_tiles;

    return {own, (own ? turn - trunk_tiles : turn) * TILE};
}

template <int D, bool WIDE>
static __global__ void __launch_bounds__(THREADS, 2) attention_branches(const branch_params p)
{
    extern __shared__ __align__(1024) uint8_t shared[];
    const uint32_t q = (uint32_t)__cvta_generic_to_shared(shared), k = q + QUERIES * D * 2, v = k + TILE * D * 2;
    const int head = blockIdx.x % p.heads, first = blockIdx.x / p.heads % p.tiles * QUERIES;
    const bit_branch b = branch_of(p, blockIdx.x / p.heads / p.tiles);
    const int warp_row = threadIdx.x / BIT_WARP * 16 * GROUPS;
    const int lane_row = first + warp_row + threadIdx.x % BIT_WARP / 4;
    const uint32_t q_base = left_base(q) + warp_row * 128, k_base = right_base(k), v_base = left_base(v);
    float out[GROUPS][D / 8][4] = {}, max[GROUPS][2], sum[GROUPS][2] = {}, s[GROUPS][8][4];

    if (first >= b.rows)
        return;
    const rows_of<const bf16> trunk_keys = part_of(p, head, 1, b.trunk_first, b.trunk_rows);
    const rows_of<const bf16> trunk_values = part_of(p, head, 2, b.trunk_first, b.trunk_rows);
    const rows_of<const bf16> keys = part_of(p, head, 1, b.first, b.rows),
                              values = part_of(p, head, 2, b.first, b.rows);
    const int trunk_tiles = (b.trunk_rows + TILE - 1) / TILE;
    const int turns = trunk_tiles + (min(first + QUERIES, b.rows) + TILE - 1) / TILE;

    for (int r = 0; r < GROUPS; r++)
        max[r][0] = max[r][1] = -INFINITY;
    load_tile<QUERIES, D, WIDE>(q, part_of(p, head, 0, b.first, b.rows), first);
    load_tile<TILE, D, WIDE>(k, trunk_tiles > 0 ? trunk_keys : keys, 0);
    for (int turn = 0; turn < turns; turn++) {
        const key_tile at = key_tile_of(turn, trunk_tiles), next = key_tile_of(turn + 1, trunk_tiles);
        /* false if this warp has no query, or if all keys are after its queries */
        const bool needed = first + warp_row < b.rows && (!at.own || at.first < first + warp_row + 16 * GROUPS);

        copies_wait();
        __syncthreads(); /* the keys have arrived, and every warp has read the previous values */
        load_tile<TILE, D, WIDE>(v, at.own ? values : trunk_values, at.first);
        if (needed)
            score<D>(s, q_base, k_base);
        copies_wait();
        __syncthreads(); /* the values have arrived, and every warp has read the keys */
        if (turn + 1 < turns)
            load_tile<TILE, D, WIDE>(k, next.own ? keys : trunk_keys, next.first);
        if (!needed)
            continue;
#pragma unroll
        for (int r = 0; r < GROUPS; r++) {
            if (at.own && at.first + TILE > first + warp_row)
                hide_future(s[r], lane_row + r * 16 - at.first);
            if (!at.own && at.first + TILE > b.trunk_rows)
                hide_after(s[r], b.trunk_rows - at.first);
            soften<D>(s[r], out[r], max[r][0], sum[r][0], 0, p.to_log2);
            soften<D>(s[r], out[r], max[r][1], sum[r][1], 1, p.to_log2);
        }
        add_values<D>(out, s, v_base);
    }
    const int64_t out_stride = (int64_t)p.heads * p.dim;
    const rows_of<bf16> to = {p.out + b.first * out_stride + (int64_t)head * p.dim, out_stride, b.rows, p.dim};
#pragma unroll
    for (int r = 0; r < GROUPS; r++) {
        const float upper = row_sum(sum[r][0]), lower = row_sum(sum[r][1]);

        store_rows<QUERIES, D, WIDE>(out[r], 1 / upper, 1 / lower, q, warp_row + r * 16, to, first);
    }
}

template <int D, bool WIDE> static int launch(const struct bit_exec *exec, const branch_params &p, int64_t blocks)
{
    const int bytes = (QUERIES + 2 * TILE) * D * 2;
    int err = bit_gpu_try(
        cudaFuncSetAttribute(attention_branches<D, WIDE>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));

    if (err < 0)
        return err;
    attention_branches<D, WIDE><<<(unsigned)blocks, THREADS, bytes, exec->gpu->stream>>>(p);
    return bit_gpu_launched("attention_branches");
}

static int in_tensor_cores(const struct bit_exec *exec, const struct bit_attention_branches_args *args)
{
    const branch_params p = {(const bf16 *)args->qkv,
                             (bf16 *)args->out,
                             args->branches,
                             (int)args->rows,
                             (int)args->heads,
                             (int)args->head_dim,
                             (int)args->time,
                             (int)((args->time + QUERIES - 1) / QUERIES),
                             (float)(M_LOG2E / sqrt((double)args->head_dim))};
    const int64_t blocks = args->count * args->heads * p.tiles;
    const bool wide = bit_aligned(args->qkv, args->head_dim * 2, 16) && bit_aligned(args->out, 0, 16);

    if (blocks > INT_MAX)
        return bit_fail(-EINVAL, "attention_branches: %lld blocks are more than the GPU counts", (long long)blocks);
    if (args->head_dim <= 64)
        return wide ? launch<64, true>(exec, p, blocks) : launch<64, false>(exec, p, blocks);
    return wide ? launch<128, true>(exec, p, blocks) : launch<128, false>(exec, p, blocks);
}

extern "C" int bit_attention_branches_cuda(const struct bit_exec *exec, const struct bit_attention_branches_args *args)
{
    int err = bit_attention_branches_check(args);

    if (err < 0 || args->count == 0 || args->heads == 0)
        return err;
    if (args->dtype == BIT_BF16 && args->head_dim <= BIT_ATTENTION_MMA_DIM_MAX)
        return in_tensor_cores(exec, args);
    return bit_attention_branches_plain(exec, args);
}
