/* The gradient's norm in the contract's order of additions, and the clip factor. */
#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/args.h"
#include "kernels/clip.h"
}

#define THREADS    128
#define BLOCKS_PER (THREADS / BIT_SUMSQ_LANES) /* blocks of the sum per thread block */
#define UNROLL     8                           /* loads in flight per thread */

/* A thread is one lane of one block: 16 threads read 64 contiguous bytes at a time. */
static __global__ void __launch_bounds__(THREADS) sumsq(int64_t count, const float *g, double *sums)
{
    __shared__ double lanes[THREADS];
    const int lane = threadIdx.x % BIT_SUMSQ_LANES;
    const int64_t block = (int64_t)blockIdx.x * BLOCKS_PER + threadIdx.x / BIT_SUMSQ_LANES;
    const int64_t begin = block * BIT_SUM_BLOCK;
    const int64_t end = begin + BIT_SUM_BLOCK < count ? begin + BIT_SUM_BLOCK : count;
    double sum = 0;
    int64_t i = begin + lane;

    for (; i + (UNROLL - 1) * BIT_SUMSQ_LANES < end; i += UNROLL * BIT_SUMSQ_LANES) {
        float v[UNROLL];
#pragma unroll
        for (int u = 0; u < UNROLL; u++)
            v[u] = __ldg(g + i + u * BIT_SUMSQ_LANES);
#pragma unroll
        for (int u = 0; u < UNROLL; u++)
            sum = fma((double)v[u], (double)v[u], sum); /* the square is exact, so an fma gives the same bits */
    }
    for (; i < end; i += BIT_SUMSQ_LANES)
        sum = fma((double)g[i], (double)g[i], sum);
    lanes[threadIdx.x] = sum;
    __syncthreads();
    if (lane == 0 && begin < count) {
        sum = 0;
        for (int l = 0; l < BIT_SUMSQ_LANES; l++)
            sum += lanes[threadIdx.x + l];
        sums[block] = sum;
    }
}

static __global__ void __launch_bounds__(BIT_CLIP_LANES) clip(bit_clip_args a)
{
    __shared__ double lanes[BIT_CLIP_LANES];
    double sum = 0;

    for (int64_t b = threadIdx.x; b < a.blocks; b += BIT_CLIP_LANES)
        sum += a.sums[b];
    lanes[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x > 0)
        return;
    sum = 0;
    for (int l = 0; l < BIT_CLIP_LANES; l++)
        sum += lanes[l];
    const double norm = sqrt(sum);
    const double scale = a.clip_norm > 0 ? fmin(1.0, a.clip_norm / (norm + 1e-6)) : 1;
    *a.norm = norm;
    *a.scale = isfinite(norm) ? scale : __longlong_as_double(0x7ff8000000000000);
}

extern "C" int bit_sumsq_cuda(const struct bit_exec *exec, const struct bit_sumsq_args *args)
{
    const int64_t blocks = (args->count + BIT_SUM_BLOCK - 1) / BIT_SUM_BLOCK;
    int err = bit_check_shape("sumsq", args->count, 1);

    if (err < 0 || blocks == 0)
        return err;
    sumsq<<<(unsigned)((blocks + BLOCKS_PER - 1) / BLOCKS_PER), THREADS, 0, exec->gpu->stream>>>(args->count, args->g,
                                                                                                 args->sums);
    return bit_gpu_launched("sumsq");
}

extern "C" int bit_clip_cuda(const struct bit_exec *exec, const struct bit_clip_args *args)
{
    int err = bit_check_shape("clip", args->blocks, 1);

    if (err < 0)
        return err;
    clip<<<1, BIT_CLIP_LANES, 0, exec->gpu->stream>>>(*args);
    return bit_gpu_launched("clip");
}
