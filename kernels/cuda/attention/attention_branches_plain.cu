/* Attention over branches in plain f32 arithmetic, as in attention_plain.cu: a warp has one query and takes 32 keys at
 * a time, the trunk's first. */
#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/args.h"
#include "kernels/cuda/attention/attention_branches.h"
}
#include "kernels/cuda/attention/attention_plain.cuh"

template <typename T> struct branch_params {
    const T *qkv;
    T *out;
    const bit_branch *branches;
    int rows, heads, dim, time, tiles; /* tiles of WARPS queries that the longest branch can have */
    float scale;
};

/* Rows [first, first + count) of one part and head to shared memory, dim + 1 floats apart; zeros beyond `end`. */
template <typename T>
__device__ void load_rows(float *to, const branch_params<T> &p, int part, int head, int first, int count, int end)
{
    for (int i = threadIdx.x; i < count * p.dim; i += THREADS) {
        const int row = i / p.dim, d = i % p.dim;
        const int64_t at = (((int64_t)(first + row) * 3 + part) * p.heads + head) * p.dim + d;

        to[row * (p.dim + 1) + d] = first + row < end ? bit_to_f32(p.qkv[at]) : 0;
    }
}

/* One query's running maximum, sum and output. */
struct running {
    float out[COLUMNS], max, sum;
};

/* Adds keys [first, end) of a range; the query attends to those up to `last`. */
template <typename T>
__device__ void add_range(struct running &r, const branch_params<T> &p, const float *q, float *k, float *v, int head,
                          int first, int end, int last)
{
    const int lane = threadIdx.x % BIT_WARP;

    for (int key = first; key < end; key += BIT_WARP) {
        __syncthreads(); /* every warp has read the previous tile */
        load_rows(k, p, 1, head, key, BIT_WARP, end);
        load_rows(v, p, 2, head, key, BIT_WARP, end);
        __syncthreads();
        const bool sees = key + lane < end && key + lane <= last;
        const float score = sees ? dot(q, k + lane * (p.dim + 1), p.dim) * p.scale : -INFINITY;
        const float most = fmaxf(r.max, bit_warp_max(score)), correction = expf(r.max - most);
        const float probability = sees ? expf(score - most) : 0;

        r.max = most;
        r.sum = r.sum * correction + bit_warp_sum(probability);
#pragma unroll
        for (int c = 0; c < COLUMNS; c++)
            r.out[c] *= correction;
        add_rows(r.out, probability, v, p.dim);
    }
}

template <typename T> static __global__ void plain_branches(const branch_params<T> p)
{
    extern __shared__ float shared[];
    const int pitch = p.dim + 1, warp = threadIdx.x / BIT_WARP;
    float *q = shared, *k = q + WARPS * pitch, *v = k + BIT_WARP * pitch;
    const int head = blockIdx.x % p.heads, tile = blockIdx.x / p.heads % p.tiles * WARPS;
    const bit_branch b = p.branches[blockIdx.x / p.heads / p.tiles];
    struct running r = {{0}, -INFINITY, 0};

    if (b.rows < 1 || b.first < 0 || b.first > p.rows - b.rows || b.trunk_rows < 0 || b.trunk_first < 0 ||
        b.trunk_first > p.rows - b.trunk_rows || b.rows + b.trunk_rows > p.time)
        __trap(); /* the caller's error */
    if (tile >= b.rows)
        return;
    const int row = b.first + tile + warp, end = b.first + min(tile + WARPS, b.rows);
    load_rows(q, p, 0, head, b.first + tile, WARPS, end);
    add_range(r, p, q + warp * pitch, k, v, head, b.trunk_first, b.trunk_first + b.trunk_rows, INT_MAX);
    add_range(r, p, q + warp * pitch, k, v, head, b.first, end, row);
    if (row < end)
        store_row(p.out, ((int64_t)row * p.heads + head) * p.dim, r.out, 1 / r.sum, p.dim);
}

template <typename T> static int launch(const struct bit_exec *exec, const struct bit_attention_branches_args *args)
{
    const branch_params<T> p = {
        .qkv = (const T *)args->qkv,
        .out = (T *)args->out,
        .branches = args->branches,
        .rows = (int)args->rows,
        .heads = (int)args->heads,
        .dim = (int)args->head_dim,
        .time = (int)args->time,
        .tiles = (int)((args->time + WARPS - 1) / WARPS),
        .scale = (float)(1 / sqrt((double)args->head_dim)),
    };
    const int64_t blocks = args->count * args->heads * p.tiles;
    const int bytes = (WARPS + 2 * BIT_WARP) * (p.dim + 1) * 4;
    int err = blocks > INT_MAX
                  ? bit_fail(-EINVAL, "attention_branches: %lld blocks are more than the GPU counts", (long long)blocks)
                  : 0;

    if (err >= 0)
        err = bit_gpu_try(cudaFuncSetAttribute(plain_branches<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    if (err < 0)
        return err;
    plain_branches<T><<<(unsigned)blocks, THREADS, bytes, exec->gpu->stream>>>(p);
    return bit_gpu_launched("attention_branches");
}

extern "C" int bit_attention_branches_plain(const struct bit_exec *exec, const struct bit_attention_branches_args *args)
{
    return args->dtype == BIT_F32 ? launch<float>(exec, args) : launch<__nv_bfloat16>(exec, args);
}
