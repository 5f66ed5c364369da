/* AdamW: one pass over the range; it moves 28 bytes per element, 20 with moments of bf16. */
#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/adamw.h"
#include "kernels/args.h"
#include "kernels/stochastic_rounding.h"
}

#include <math.h>

#define THREADS  256
#define ELEMENTS 4

/* The scalars, computed in double as torch does, then rounded once; the same as the processor's. */
struct scalars {
    float beta1, beta2, rest1, rest2, decay, step, inverse_root, eps;
    bit_rounding_key key;
};

static __device__ __forceinline__ void update(float &p, float &m, float &v, float g, float grad_scale, const scalars &k)
{
    g *= grad_scale;
    m = m * k.beta1 + g * k.rest1;
    v = v * k.beta2 + g * g * k.rest2;
    p -= p * k.decay;
    p -= m * k.step / (sqrtf(v) * k.inverse_root + k.eps);
}

/* A moment as it is stored: f32 unchanged, bf16 rounded with the low half of `random`. */
template <typename M> static __device__ __forceinline__ M stored(float x, uint32_t random);
template <> __device__ __forceinline__ float stored<float>(float x, uint32_t)
{
    return x;
}
template <> __device__ __forceinline__ __nv_bfloat16 stored<__nv_bfloat16>(float x, uint32_t random)
{
    return __ushort_as_bfloat16(bit_rounded_bits(__float_as_uint(x), random));
}

/* N elements per thread: 4 if everything is aligned, otherwise 1. `first` is the first element of this launch. */
template <typename M, int N>
static __global__ void __launch_bounds__(THREADS) adamw(bit_adamw_args a, scalars k, int64_t first)
{
    const int64_t i = first + ((int64_t)blockIdx.x * THREADS + threadIdx.x) * N;
    const double grad_scale = a.grad_scale == nullptr ? 1 : *a.grad_scale;

    if (i + N > a.count || !isfinite(grad_scale))
        return;
    M *const all_m = (M *)a.m, *const all_v = (M *)a.v;
    auto p = bit_load<float, N>(a.p + i);
    auto m = bit_load<M, N>(all_m + i), v = bit_load<M, N>(all_v + i);
    const auto g = bit_load<float, N>(a.g + i);
    bit_pack<__nv_bfloat16, N> copy;
#pragma unroll
    for (int e = 0; e < N; e++) {
        const uint32_t random = bit_rounding_bits(k.key, (uint64_t)(a.first + i + e));
        float m_of = bit_to_f32(m.v[e]), v_of = bit_to_f32(v.v[e]);
        update(p.v[e], m_of, v_of, g.v[e], (float)grad_scale, k);
        m.v[e] = stored<M>(m_of, random);
        v.v[e] = stored<M>(v_of, random >> 16);
        copy.v[e] = __float2bfloat16_rn(p.v[e]);
    }
    bit_store<float, N>(a.p + i, p);
    bit_store<M, N>(all_m + i, m);
    bit_store<M, N>(all_v + i, v);
    if (a.copy != nullptr)
        bit_store<__nv_bfloat16, N>((__nv_bfloat16 *)a.copy + i, copy);
}

static bool is_aligned(const struct bit_adamw_args *a)
{
    const int bytes = ELEMENTS * sizeof(float), of_moments = ELEMENTS * (int)bit_dtype_bytes(a->moments);

    return bit_aligned(a->p, 0, bytes) && bit_aligned(a->m, 0, of_moments) && bit_aligned(a->v, 0, of_moments) &&
           bit_aligned(a->g, 0, bytes) && bit_aligned(a->copy, 0, bytes / 2);
}

static unsigned blocks_for(int64_t threads)
{
    return (unsigned)((threads + THREADS - 1) / THREADS);
}

template <typename M> static void launch(const bit_exec *exec, const bit_adamw_args *args, const scalars &k)
{
    const int64_t packs = is_aligned(args) ? args->count / ELEMENTS : 0, rest = args->count - packs * ELEMENTS;

    if (packs > 0)
        adamw<M, ELEMENTS><<<blocks_for(packs), THREADS, 0, exec->gpu->stream>>>(*args, k, 0);
    if (rest > 0)
        adamw<M, 1><<<blocks_for(rest), THREADS, 0, exec->gpu->stream>>>(*args, k, packs * ELEMENTS);
}

extern "C" int bit_adamw_cuda(const struct bit_exec *exec, const struct bit_adamw_args *args)
{
    int err = bit_adamw_check(args);

    if (err < 0)
        return err;
    const scalars k = {
        (float)args->beta1,
        (float)args->beta2,
        (float)(1 - args->beta1),
        (float)(1 - args->beta2),
        (float)(args->lr * args->weight_decay),
        (float)(args->lr / (1 - pow(args->beta1, (double)args->t))),
        (float)(1 / sqrt(1 - pow(args->beta2, (double)args->t))),
        (float)args->eps,
        bit_rounding_key_of(args->seed, args->t),
    };

    if (args->moments == BIT_BF16)
        launch<__nv_bfloat16>(exec, args, k);
    else
        launch<float>(exec, args, k);
    return bit_gpu_launched("adamw");
}
