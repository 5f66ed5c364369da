/* Measures of a weight matrix without the host: sums and counts stay on the GPU, where the scale is computed. */
#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/args.h"
#include "kernels/weight_measure.h"
}

#define THREADS 512
#define UNROLL  8

/* Enough blocks to fill the GPU, but not more than the elements need. */
static unsigned grid_for(const struct bit_exec *exec, int64_t count, int blocks_each)
{
    const int64_t wanted = (count + THREADS * UNROLL - 1) / (THREADS * UNROLL),
                  most = exec->gpu->sm_count * blocks_each;

    return (unsigned)(wanted < 1 ? 1 : wanted < most ? wanted : most);
}

/* Calls use for the thread's elements, `stride` apart, UNROLL at a time with all loads before the first use. */
template <typename F> static __device__ __forceinline__ void for_each(int64_t count, const float *w, const F &use)
{
    const int64_t stride = (int64_t)gridDim.x * THREADS;
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;

    for (; i + (UNROLL - 1) * stride < count; i += UNROLL * stride) {
        float v[UNROLL];
#pragma unroll
        for (int u = 0; u < UNROLL; u++)
            v[u] = __ldg(w + i + u * stride);
#pragma unroll
        for (int u = 0; u < UNROLL; u++)
            use(v[u]);
    }
    for (; i < count; i += stride)
        use(w[i]);
}

/* Multiples of the unit add exactly (weight_measure.h), so the order of the atomic additions does not matter. */
static __global__ void __launch_bounds__(THREADS) absmean(int64_t count, const float *w, double *sum)
{
    __shared__ double shared[THREADS / BIT_WARP];
    double units = 0;

    for_each(count, w, [&](float v) { units += rint(fabs((double)v) * (1 / BIT_ABSMEAN_UNIT)); });
    units = bit_block_sum<THREADS>(units, shared);
    if (threadIdx.x == 0)
        atomicAdd(sum, units * BIT_ABSMEAN_UNIT);
}

#define UPPER_BINS 32768 /* |w| has no sign bit; 128 KiB of shared memory as 32-bit counts */

static __global__ void __launch_bounds__(THREADS) histogram_upper(int64_t count, const float *w, uint32_t *counts)
{
    extern __shared__ uint32_t bins[];

    for (int bin = threadIdx.x; bin < UPPER_BINS; bin += THREADS)
        bins[bin] = 0;
    __syncthreads();
    for_each(count, w, [&](float v) {
        const uint32_t bits = __float_as_uint(v) & 0x7fffffffu;

        if (bits > 0x7f800000u)
            atomicAdd(&counts[BIT_HISTOGRAM_BINS - 1], 1u);
        else
            atomicAdd(&bins[bits >> 16], 1u);
    });
    __syncthreads();
    for (int bin = threadIdx.x; bin < UPPER_BINS; bin += THREADS)
        if (bins[bin] != 0)
            atomicAdd(&counts[bin], bins[bin]);
}

/* Few weights have the median's upper half, and they spread over 65536 bins, so global atomics are enough. */
static __global__ void __launch_bounds__(THREADS)
    histogram_lower(int64_t count, const float *w, const uint32_t *upper, uint32_t *counts)
{
    const uint32_t wanted = *upper;

    for_each(count, w, [&](float v) {
        const uint32_t bits = __float_as_uint(v) & 0x7fffffffu;

        if (bits >> 16 == wanted)
            atomicAdd(&counts[bits & 0xffff], 1u);
    });
}

#define FIND_THREADS 1024
#define FIND_EACH    (BIT_HISTOGRAM_BINS / FIND_THREADS)

/* One block per matrix: each thread sums its run of bins, a scan of the sums finds the run that holds the element, and
 * its thread searches it. */
static __global__ void __launch_bounds__(FIND_THREADS) histogram_search(bit_histogram_search_args a)
{
    __shared__ uint64_t runs[FIND_THREADS];
    const uint32_t *counts = a.counts + (int64_t)blockIdx.x * BIT_HISTOGRAM_BINS + threadIdx.x * FIND_EACH;
    const uint64_t order = a.order[blockIdx.x];
    uint64_t own = 0, before;

    for (int i = 0; i < FIND_EACH; i++)
        own += counts[i];
    runs[threadIdx.x] = own;
    __syncthreads();
    for (int reach = 1; reach < FIND_THREADS; reach *= 2) {
        const uint64_t left = threadIdx.x >= reach ? runs[threadIdx.x - reach] : 0;
        __syncthreads(); /* every thread has read before any thread writes */
        runs[threadIdx.x] += left;
        __syncthreads();
    }
    before = runs[threadIdx.x] - own;
    /* If no run holds it (nothing was counted), the last bin is taken, as in the reference. */
    const bool last = threadIdx.x == FIND_THREADS - 1;
    if (order < before || (order >= before + own && !last))
        return;
    int i = 0;
    while (order - before >= counts[i] && !(last && i == FIND_EACH - 1))
        before += counts[i++];
    a.bits[blockIdx.x] = a.bits[blockIdx.x] << 16 | (uint32_t)(threadIdx.x * FIND_EACH + i);
    a.order[blockIdx.x] = order - before;
}

static __global__ void weight_scale(bit_weight_scale_args a)
{
    const int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    float measure;

    if (i >= a.count)
        return;
    if (a.sums != nullptr) {
        double sum = 0;
        for (int r = 0; r < a.ranks; r++)
            sum += a.sums[r * a.count + i];
        measure = (float)(sum / (double)a.elements[i]);
    } else {
        measure = __uint_as_float(a.bits[i]);
    }
    a.scale[i] = __fdiv_rn(1.0f, fmaxf(a.eps, measure));
}

extern "C" int bit_absmean_cuda(const struct bit_exec *exec, const struct bit_absmean_args *args)
{
    int err = bit_gpu_zero(exec->gpu, args->sum, sizeof *args->sum);

    if (err < 0 || args->count == 0)
        return err;
    absmean<<<grid_for(exec, args->count, 4), THREADS, 0, exec->gpu->stream>>>(args->count, args->w, args->sum);
    return bit_gpu_launched("absmean");
}

extern "C" int bit_histogram_cuda(const struct bit_exec *exec, const struct bit_histogram_args *args)
{
    const int bytes = UPPER_BINS * sizeof(uint32_t);
    int err = bit_histogram_check(args);

    if (err < 0 || args->count == 0)
        return err;
    if (args->pass == 1) {
        histogram_lower<<<grid_for(exec, args->count, 4), THREADS, 0, exec->gpu->stream>>>(args->count, args->w,
                                                                                           args->upper, args->counts);
        return bit_gpu_launched("histogram");
    }
    err = bit_gpu_try(cudaFuncSetAttribute(histogram_upper, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    if (err < 0)
        return err;
    histogram_upper<<<grid_for(exec, args->count, 1), THREADS, bytes, exec->gpu->stream>>>(args->count, args->w,
                                                                                           args->counts);
    return bit_gpu_launched("histogram");
}

extern "C" int bit_histogram_search_cuda(const struct bit_exec *exec, const struct bit_histogram_search_args *args)
{
    if (args->count == 0)
        return 0;
    histogram_search<<<(unsigned)args->count, FIND_THREADS, 0, exec->gpu->stream>>>(*args);
    return bit_gpu_launched("histogram_search");
}

extern "C" int bit_weight_scale_cuda(const struct bit_exec *exec, const struct bit_weight_scale_args *args)
{
    if (args->count == 0)
        return 0;
    weight_scale<<<(unsigned)((args->count + 127) / 128), 128, 0, exec->gpu->stream>>>(*args);
    return bit_gpu_launched("weight_scale");
}
