/*
 * Causal attention in plain f32 arithmetic: for operands in f32, and for heads too wide for the tensor-core kernels. A
 * warp has one row (a query, or in the pass for dk and dv a key), and takes 32 rows of the other kind at a time: first
 * each lane has one of these rows, then each lane has columns.
 */
#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/cuda/attention/attention.h"
}
#include "kernels/cuda/attention/attention_plain.cuh"

template <typename T> struct plain_params {
    const T *qkv, *out, *dout;
    T *to; /* out, or dqkv */
    const float *lse, *delta;
    float *lse_to;
    int time, heads, dim;
    float scale;
};

/* Index of row t of one head: part 0 to 2 of a packed (B, T, 3, H, D), or a (B, T, H, D) with parts = 1. */
template <typename T>
__device__ __forceinline__ int64_t row_at(const plain_params<T> &p, int parts, int part, int head, int t)
{
    return ((((int64_t)(head / p.heads) * p.time + t) * parts + part) * p.heads + head % p.heads) * p.dim;
}

/* Rows [first, first + count) of a head to shared memory, dim + 1 floats apart; zeros beyond `time`. */
template <typename T>
__device__ void load_rows(float *to, const plain_params<T> &p, const T *from, int parts, int part, int head, int first,
                          int count)
{
    for (int i = threadIdx.x; i < count * p.dim; i += THREADS) {
        const int row = i / p.dim, d = i % p.dim;

        to[row * (p.dim + 1) + d] = first + row < p.time
                                        ? bit_to_f32(from[row_at(p, parts, part, head, first + row) + d])
                                        : 0;
    }
}

template <typename T> static __global__ void plain_forward(const plain_params<T> p)
{
    extern __shared__ float shared[];
    const int pitch = p.dim + 1, warp = threadIdx.x / BIT_WARP, lane = threadIdx.x % BIT_WARP;
    float *q = shared, *k = q + WARPS * pitch, *v = k + BIT_WARP * pitch;
    const int head = blockIdx.x, first = blockIdx.y * WARPS, t = first + warp;
    float out[COLUMNS] = {0}, max = -INFINITY, sum = 0;

    load_rows(q, p, p.qkv, 3, 0, head, first, WARPS);
    for (int key = 0; key < min(first + WARPS, p.time); key += BIT_WARP) {
        __syncthreads(); /* every warp has read the previous tile */
        load_rows(k, p, p.qkv, 3, 1, head, key, BIT_WARP);
        load_rows(v, p, p.qkv, 3, 2, head, key, BIT_WARP);
        __syncthreads();
        const bool past = key + lane <= t;
        const float score = past ? dot(q + warp * pitch, k + lane * pitch, p.dim) * p.scale : -INFINITY;
        const float most = fmaxf(max, bit_warp_max(score)), correction = expf(max - most);
        const float probability = past ? expf(score - most) : 0;

        max = most;
        sum = sum * correction + bit_warp_sum(probability);
#pragma unroll
        for (int c = 0; c < COLUMNS; c++)
            out[c] *= correction;
        add_rows(out, probability, v, p.dim);
    }
    if (t >= p.time)
        return;
    store_row(p.to, row_at(p, 1, 0, head, t), out, 1 / sum, p.dim);
    if (lane == 0)
        p.lse_to[(int64_t)head * p.time + t] = max + logf(sum);
}

template <typename T> static __global__ void plain_dq(const plain_params<T> p)
{
    extern __shared__ float shared[];
    const int pitch = p.dim + 1, warp = threadIdx.x / BIT_WARP, lane = threadIdx.x % BIT_WARP;
    float *q = shared, *dout = q + WARPS * pitch, *k = dout + WARPS * pitch, *v = k + BIT_WARP * pitch;
    const int head = blockIdx.x, first = blockIdx.y * WARPS, t = first + warp;
    const float lse = t < p.time ? p.lse[(int64_t)head * p.time + t] : 0;
    const float delta = t < p.time ? p.delta[(int64_t)head * p.time + t] : 0;
    float dq[COLUMNS] = {0};

    load_rows(q, p, p.qkv, 3, 0, head, first, WARPS);
    load_rows(dout, p, p.dout, 1, 0, head, first, WARPS);
    for (int key = 0; key < min(first + WARPS, p.time); key += BIT_WARP) {
        __syncthreads(); /* every warp has read the previous tile */
        load_rows(k, p, p.qkv, 3, 1, head, key, BIT_WARP);
        load_rows(v, p, p.qkv, 3, 2, head, key, BIT_WARP);
        __syncthreads();
        const float score = dot(q + warp * pitch, k + lane * pitch, p.dim) * p.scale;
        const float dp = dot(dout + warp * pitch, v + lane * pitch, p.dim);

        add_rows(dq, key + lane <= t ? expf(score - lse) * (dp - delta) : 0, k, p.dim);
    }
    if (t < p.time)
        store_row(p.to, row_at(p, 3, 0, head, t), dq, p.scale, p.dim);
}

template <typename T> static __global__ void plain_dkv(const plain_params<T> p)
{
    extern __shared__ float shared[];
    const int pitch = p.dim + 1, warp = threadIdx.x / BIT_WARP, lane = threadIdx.x % BIT_WARP;
    float *k = shared, *v = k + WARPS * pitch, *q = v + WARPS * pitch, *dout = q + BIT_WARP * pitch;
    const int head = blockIdx.x, first = blockIdx.y * WARPS, key = first + warp;
    float dk[COLUMNS] = {0}, dv[COLUMNS] = {0};

    load_rows(k, p, p.qkv, 3, 1, head, first, WARPS);
    load_rows(v, p, p.qkv, 3, 2, head, first, WARPS);
    for (int query = first / BIT_WARP * BIT_WARP; query < p.time; query += BIT_WARP) {
        const int t = query + lane;

        __syncthreads(); /* every warp has read the previous tile */
        load_rows(q, p, p.qkv, 3, 0, head, query, BIT_WARP);
        load_rows(dout, p, p.dout, 1, 0, head, query, BIT_WARP);
        __syncthreads();
        const bool counts = key <= t && t < p.time;
        const float lse = counts ? p.lse[(int64_t)head * p.time + t] : 0;
        const float delta = counts ? p.delta[(int64_t)head * p.time + t] : 0;
        const float score = dot(q + lane * pitch, k + warp * pitch, p.dim) * p.scale;
        const float dp = dot(dout + lane * pitch, v + warp * pitch, p.dim);
        const float probability = counts ? expf(score - lse) : 0;

        add_rows(dv, probability, dout, p.dim);
        add_rows(dk, counts ? probability * (dp - delta) : 0, q, p.dim);
    }
    if (key >= p.time)
        return;
    store_row(p.to, row_at(p, 3, 1, head, key), dk, p.scale, p.dim);
    store_row(p.to, row_at(p, 3, 2, head, key), dv, 1, p.dim);
}

/* One warp for each (b, t, h), in memory order. */
template <typename T> static __global__ void attention_delta(const plain_params<T> p, int64_t rows, float *delta)
{
    const int64_t row = (int64_t)blockIdx.x * WARPS + threadIdx.x / BIT_WARP;
    float sum = 0;

    if (row >= rows)
        return;
    for (int d = threadIdx.x % BIT_WARP; d < p.dim; d += BIT_WARP)
        sum += bit_to_f32(p.out[row * p.dim + d]) * bit_to_f32(p.dout[row * p.dim + d]);
    sum = bit_warp_sum(sum);
    if (threadIdx.x % BIT_WARP == 0) {
        const int64_t bt = row / p.heads;
        delta[(bt / p.time * p.heads + row % p.heads) * p.time + bt % p.time] = sum;
    }
}

/* ---- launches */

template <typename T> static int launch_forward(const struct bit_exec *exec, const struct bit_attention_args *args)
{
    const plain_params<T> p = {
        .qkv = (const T *)args->qkv,
        .out = NULL,
        .dout = NULL,
        .to = (T *)args->out,
        .lse = NULL,
        .delta = NULL,
        .lse_to = args->lse,
        .time = (int)args->time,
        .heads = (int)args->heads,
        .dim = (int)args->head_dim,
        .scale = (float)(1 / sqrt((double)args->head_dim)),
    };
    const dim3 blocks((unsigned)(args->batch * args->heads), (unsigned)((args->time + WARPS - 1) / WARPS));
    const int bytes = (WARPS + 2 * BIT_WARP) * (p.dim + 1) * 4;
    int err = bit_gpu_try(cudaFuncSetAttribute(plain_forward<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));

    if (err < 0)
        return err;
    plain_forward<T><<<blocks, THREADS, bytes, exec->gpu->stream>>>(p);
    return bit_gpu_launched("attention");
}

template <typename T>
static plain_params<T> backward_params(const struct bit_attention_backward_args *args, const float *delta)
{
    return {.qkv = (const T *)args->qkv,
            .out = (const T *)args->out,
            .dout = (const T *)args->dout,
            .to = (T *)args->dqkv,
            .lse = args->lse,
            .delta = delta,
            .lse_to = NULL,
            .time = (int)args->time,
            .heads = (int)args->heads,
            .dim = (int)args->head_dim,
            .scale = (float)(1 / sqrt((double)args->head_dim))};
}

template <typename T>
static int launch_backward(const struct bit_exec *exec, const struct bit_attention_backward_args *args,
                           const float *delta)
{
    const plain_params<T> p = backward_params<T>(args, delta);
    const dim3 blocks((unsigned)(args->batch * args->heads), (unsigned)((args->time + WARPS - 1) / WARPS));
    const int bytes = 2 * (WARPS + BIT_WARP) * (p.dim + 1) * 4;
    int err = bit_gpu_try(cudaFuncSetAttribute(plain_dq<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));

    if (err >= 0)
        err = bit_gpu_try(cudaFuncSetAttribute(plain_dkv<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    if (err < 0)
        return err;
    plain_dq<T><<<blocks, THREADS, bytes, exec->gpu->stream>>>(p);
    plain_dkv<T><<<blocks, THREADS, bytes, exec->gpu->stream>>>(p);
    return bit_gpu_launched("attention_backward");
}

template <typename T>
static int launch_delta(const struct bit_exec *exec, const struct bit_attention_backward_args *args, float *delta)
{
    const int64_t rows = args->batch * args->time * args->heads;

    attention_delta<T><<<(unsigned)((rows + WARPS - 1) / WARPS), THREADS, 0, exec->gpu->stream>>>(
        backward_params<T>(args, delta), rows, delta);
    return bit_gpu_launched("attention_delta");
}

extern "C" int bit_attention_plain(const struct bit_exec *exec, const struct bit_attention_args *args)
{
    return args->dtype == BIT_F32 ? launch_forward<float>(exec, args) : launch_forward<__nv_bfloat16>(exec, args);
}

extern "C" int bit_attention_plain_backward(const struct bit_exec *exec, const struct bit_attention_backward_args *args,
                                            const float *delta)
{
    return args->dtype == BIT_F32 ? launch_backward<float>(exec, args, delta)
                                  : launch_backward<__nv_bfloat16>(exec, args, delta);
}

extern "C" int bit_attention_delta(const struct bit_exec *exec, const struct bit_attention_backward_args *args,
                                   float *delta)
{
    return args->dtype == BIT_F32 ? launch_delta<float>(exec, args, delta)
                                  : launch_delta<__nv_bfloat16>(exec, args, delta);
}
