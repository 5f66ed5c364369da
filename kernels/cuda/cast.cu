/* Conversion between f32 and bf16. It is memory-bound, so threads access 16 bytes of an f32 side at a time. */
#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/args.h"
#include "kernels/cast.h"
}

#define THREADS  256
#define ELEMENTS 4 /* per access */

template <typename X, typename Y>
static __global__ void cast(int64_t count, const X *x, Y *y, float scale, int accumulate)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;

    if (i < count) {
        const float v = __fmul_rn(scale, bit_to_f32(x[i]));
        y[i] = bit_from_f32<Y>(accumulate ? __fadd_rn(bit_to_f32(y[i]), v) : v);
    }
}

template <typename X, typename Y>
static __global__ void cast_packs(int64_t packs, const X *x, Y *y, float scale, int accumulate)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;

    if (i >= packs)
        return;
    const auto in = bit_load<X, ELEMENTS>(x + i * ELEMENTS);
    bit_pack<Y, ELEMENTS> out = {};
    if (accumulate)
        out = bit_load<Y, ELEMENTS>(y + i * ELEMENTS);
#pragma unroll
    for (int e = 0; e < ELEMENTS; e++) {
        const float v = __fmul_rn(scale, bit_to_f32(in.v[e]));
        out.v[e] = bit_from_f32<Y>(accumulate ? __fadd_rn(bit_to_f32(out.v[e]), v) : v);
    }
    bit_store<Y, ELEMENTS>(y + i * ELEMENTS, out);
}

template <typename X, typename Y> static int launch(const struct bit_exec *exec, const struct bit_cast_args *args)
{
    const X *x = (const X *)args->x;
    Y *y = (Y *)args->y;
    const bool whole = bit_aligned(x, 0, ELEMENTS * sizeof *x) && bit_aligned(y, 0, ELEMENTS * sizeof *y);
    const int64_t packs = whole ? args->count / ELEMENTS : 0, rest = args->count - packs * ELEMENTS;

    if (packs > 0)
        cast_packs<X, Y><<<(unsigned)((packs + THREADS - 1) / THREADS), THREADS, 0, exec->gpu->stream>>>(
            packs, x, y, args->scale, args->accumulate);
    if (rest > 0)
        cast<X, Y><<<(unsigned)((rest + THREADS - 1) / THREADS), THREADS, 0, exec->gpu->stream>>>(
            rest, x + packs * ELEMENTS, y + packs * ELEMENTS, args->scale, args->accumulate);
    return bit_gpu_launched("cast");
}

extern "C" int bit_cast_cuda(const struct bit_exec *exec, const struct bit_cast_args *args)
{
    const bool from_f32 = args->x_dtype == BIT_F32, to_f32 = args->y_dtype == BIT_F32;
    int err = bit_cast_check(args);

    if (err < 0)
        return err;
    if (from_f32)
        return to_f32 ? launch<float, float>(exec, args) : launch<float, __nv_bfloat16>(exec, args);
    return to_f32 ? launch<__nv_bfloat16, float>(exec, args) : launch<__nv_bfloat16, __nv_bfloat16>(exec, args);
}
