/* The sum of a buffer: one block, one lane per thread. It is used for losses, a few thousand of them. */
#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/args.h"
#include "kernels/sum.h"
}

#define THREADS BIT_SUM_LANES

static __device__ double block_sum(const float *x, int64_t count, double *lanes)
{
    const int lane = threadIdx.x;
    double sum = 0;

#pragma unroll 8
    for (int64_t i = lane; i < count; i += THREADS)
        sum += (double)x[i];
    lanes[lane] = sum;
    for (int n = THREADS / 2; n > 0; n /= 2) {
        __syncthreads();
        if (lane < n)
            lanes[lane] += lanes[lane + n];
    }
    __syncthreads();
    sum = lanes[0];
    __syncthreads(); /* all threads have read it: the next block of elements may overwrite it */
    return sum;
}

static __global__ void __launch_bounds__(THREADS) sum_all(int64_t count, const float *x, double *sum)
{
    __shared__ double lanes[THREADS];
    double all = *sum;

    for (int64_t i = 0; i < count; i += BIT_SUM_BLOCK)
        all += block_sum(x + i, min(count - i, (int64_t)BIT_SUM_BLOCK), lanes);
    __syncthreads(); /* all threads have read *sum, even if there was nothing to add */
    if (threadIdx.x == 0)
        *sum = all;
}

extern "C" int bit_sum_cuda(const struct bit_exec *exec, const struct bit_sum_args *args)
{
    int err = bit_sum_check(args);

    if (err < 0)
        return err;
    sum_all<<<1, THREADS, 0, exec->gpu->stream>>>(args->count, args->x, args->sum);
    return bit_gpu_launched("sum");
}
