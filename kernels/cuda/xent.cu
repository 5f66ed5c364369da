/*
 * Cross entropy: one row per block. One pass over global memory computes the maximum and the sum of exponentials, and
 * keeps the row in shared memory if it fits; the gradient is computed from there. Two blocks share a multiprocessor, so
 * that one reads while the other computes.
 */
#include <float.h>

#include "kernels/cuda/row.cuh"
extern "C" {
#include "kernels/xent.h"
}

#define THREADS 512
#define AHEAD   4 /* packs in flight in each thread */
#define LOG2_E  1.44269504f

/* A running maximum and the sum of exponentials relative to it. The maximum starts finite, so that subtracting it from
 * -inf gives no NaN. */
struct softmax {
    float max, sum;

    template <typename X, int WIDTH> __device__ __forceinline__ void take(const bit_pack<X, WIDTH> &pack)
    {
        float above = max;

#pragma unroll
        for (int e = 0; e < WIDTH; e++)
            above = fmaxf(above, bit_to_f32(pack.v[e]));
        sum *= bit_exp2((max - above) * LOG2_E);
        max = above;
#pragma unroll
        for (int e = 0; e < WIDTH; e++)
            sum += bit_exp2((bit_to_f32(pack.v[e]) - above) * LOG2_E);
    }
};

template <typename X, int WIDTH>
static __device__ __forceinline__ softmax read_row(const X *x, X *kept, int vocab, float *shared)
{
    softmax s = {-FLT_MAX, 0};

    for (int begin = threadIdx.x * WIDTH; begin < vocab; begin += AHEAD * THREADS * WIDTH) {
        bit_pack<X, WIDTH> in[AHEAD];
#pragma unroll
        for (int k = 0; k < AHEAD; k++)
            if (begin + k * THREADS * WIDTH < vocab)
                in[k] = bit_load<X, WIDTH>(x + begin + k * THREADS * WIDTH);
#pragma unroll
        for (int k = 0; k < AHEAD; k++) {
            const int c = begin + k * THREADS * WIDTH;
            if (c >= vocab)
                break;
            if (kept != NULL)
                bit_store<X, WIDTH>(kept + c, in[k]);
            s.take<X, WIDTH>(in[k]);
        }
    }
    const float max = bit_block_max<THREADS>(s.max, shared);
    return {max, bit_block_sum<THREADS>(s.sum * bit_exp2((s.max - max) * LOG2_E), shared)};
}

/* A thread writes only elements that it alone has read, so grad may alias x. */
template <typename X, typename G, int WIDTH>
static __device__ __forceinline__ void write_gradient(const X *x, G *grad, int vocab, softmax s, float scale)
{
    const float factor = scale / s.sum;

#pragma unroll 2
    for (int c = threadIdx.x * WIDTH; c < vocab; c += THREADS * WIDTH) {
        const auto in = bit_load<X, WIDTH>(x + c);
        bit_pack<G, WIDTH> out;
#pragma unroll
        for (int e = 0; e < WIDTH; e++)
            out.v[e] = bit_from_f32<G>(bit_exp2((bit_to_f32(in.v[e]) - s.max) * LOG2_E) * factor);
        bit_store<G, WIDTH>(grad + c, out);
    }
}

template <typename G, int WIDTH> static __device__ void write_zeros(G *grad, int vocab)
{
    bit_pack<G, WIDTH> zeros;

#pragma unroll
    for (int e = 0; e < WIDTH; e++)
        zeros.v[e] = bit_from_f32<G>(0);
    for (int c = threadIdx.x * WIDTH; c < vocab; c += THREADS * WIDTH)
        bit_store<G, WIDTH>(grad + c, zeros);
}

template <typename X, typename G, int WIDTH>
static __global__ void __launch_bounds__(THREADS, 2) xent(const struct bit_xent_args args, int keeps)
{
    extern __shared__ __align__(16) uint8_t room[];
    __shared__ float shared[THREADS / BIT_WARP];
    const int vocab = (int)args.vocab, target = args.target[blockIdx.x];
    const int64_t at = blockIdx.x * args.vocab;
    const X *x = (const X *)args.logits + at;
    G *grad = args.grad == NULL ? NULL : (G *)args.grad + at;
    X *kept = keeps ? (X *)room : NULL;

    if (target == BIT_TARGETS_IGNORE) {
        if (grad != NULL)
            write_zeros<G, WIDTH>(grad, vocab);
        if (threadIdx.x == 0)
            args.loss[blockIdx.x] = 0;
        return;
    }
    if (target < 0 || target >= vocab)
        __trap();                                  /* the caller's error */
    const float at_target = bit_to_f32(x[target]); /* before the gradient may overwrite it */
    const softmax s = read_row<X, WIDTH>(x, kept, vocab, shared);

    if (threadIdx.x == 0)
        args.loss[blockIdx.x] = (s.max - at_target) + logf(s.sum);
    if (grad == NULL)
        return;
    write_gradient<X, G, WIDTH>(keeps ? kept : x, grad, vocab, s, args.grad_scale);
    __syncthreads();
    /* The target's own gradient is written last, from f32: p - 1 of a p rounded to bf16 would lose its precision. */
    if (threadIdx.x == 0)
        grad[target] = bit_from_f32<G>((expf(at_target - s.max) / s.sum - 1) * args.grad_scale);
}

template <typename X, typename G, int WIDTH>
static int launch_width(const struct bit_exec *exec, const struct bit_xent_args *args)
{
    const size_t row_bytes = (size_t)args->vocab * sizeof(X), own_bytes = 1024;
    const bool keeps = args->grad != NULL && row_bytes + own_bytes <= exec->gpu->shared_bytes_max;
    const size_t bytes = keeps ? row_bytes : 0;
    int err = bit_gpu_try(
        cudaFuncSetAttribute(xent<X, G, WIDTH>, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes));

    if (err < 0)
        return err;
    xent<X, G, WIDTH><<<(unsigned)args->rows, THREADS, bytes, exec->gpu->stream>>>(*args, keeps);
    return bit_gpu_launched("xent");
}

template <typename X, typename G> static int launch(const struct bit_exec *exec, const struct bit_xent_args *args)
{
    constexpr int width = 16 / (int)sizeof(X);
    const bool fast = args->vocab % width == 0 && (uintptr_t)args->logits % 16 == 0 &&
                      (uintptr_t)args->grad % (width * sizeof(G)) == 0;

    return fast ? launch_width<X, G, width>(exec, args) : launch_width<X, G, 1>(exec, args);
}

extern "C" int bit_xent_cuda(const struct bit_exec *exec, const struct bit_xent_args *args)
{
    const bool grad_f32 = args->grad == NULL || args->grad_dtype == BIT_F32;
    int err = bit_xent_check(args);

    if (err < 0 || (err = bit_row_check("xent", args->rows, args->vocab)) < 0 || args->rows == 0)
        return err;
    if (args->logits_dtype == BIT_F32)
        return grad_f32 ? launch<float, float>(exec, args) : launch<float, __nv_bfloat16>(exec, args);
    return grad_f32 ? launch<__nv_bfloat16, float>(exec, args) : launch<__nv_bfloat16, __nv_bfloat16>(exec, args);
}
