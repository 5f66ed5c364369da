/* AdamW: one pass over the range, 28 bytes an element. */
#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/adamw.h"
#include "kernels/args.h"
}

#include <math.h>

#define THREADS  256
#define ELEMENTS 4

/* The scalars, computed in double as torch does, then rounded once; the same as the processor's. */
struct scalars {
    float beta1, beta2, rest1, rest2, decay, step, inverse_root, eps;
};

static __device__ __forceinline__ void update(float &p, float &m, float &v, float g, float grad_scale, const scalars &k)
{
    g *= grad_scale;
    m = m * k.beta1 + g * k.rest1;
    v = v * k.beta2 + g * g * k.rest2;
    p -= p * k.decay;
    p -= m * k.step / (sqrtf(v) * k.inverse_root + k.eps);
}

/* N elements a thread: 4 where everything is aligned, else 1. `first` is where the range of this launch begins. */
template <int N> static __global__ void __launch_bounds__(THREADS) adamw(bit_adamw_args a, scalars k, int64_t first)
{
    const int64_t i = first + ((int64_t)blockIdx.x * THREADS + threadIdx.x) * N;
    const double grad_scale = a.grad_scale == nullptr ? 1 : *a.grad_scale;

    if (i + N > a.count || !isfinite(grad_scale))
        return;
    auto p = bit_load<float, N>(a.p + i), m = bit_load<float, N>(a.m + i), v = bit_load<float, N>(a.v + i);
    const auto g = bit_load<float, N>(a.g + i);
    bit_pack<__nv_bfloat16, N> copy;
#pragma unroll
    for (int e = 0; e < N; e++) {
        update(p.v[e], m.v[e], v.v[e], g.v[e], (float)grad_scale, k);
        copy.v[e] = __float2bfloat16_rn(p.v[e]);
    }
    bit_store<float, N>(a.p + i, p);
    bit_store<float, N>(a.m + i, m);
    bit_store<float, N>(a.v + i, v);
    if (a.copy != nullptr)
        bit_store<__nv_bfloat16, N>((__nv_bfloat16 *)a.copy + i, copy);
}

static bool is_aligned(const struct bit_adamw_args *a)
{
    const int bytes = ELEMENTS * sizeof(float);

    return bit_aligned(a->p, 0, bytes) && bit_aligned(a->m, 0, bytes) && bit_aligned(a->v, 0, bytes) &&
           bit_aligned(a->g, 0, bytes) && bit_aligned(a->copy, 0, bytes / 2);
}

static unsigned blocks_for(int64_t threads)
{
    return (unsigned)((threads + THREADS - 1) / THREADS);
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
    };
    const int64_t packs = is_aligned(args) ? args->count / ELEMENTS : 0, rest = args->count - packs * ELEMENTS;

    if (packs > 0)
        adamw<ELEMENTS><<<blocks_for(packs), THREADS, 0, exec->gpu->stream>>>(*args, k, 0);
    if (rest > 0)
        adamw<1><<<blocks_for(rest), THREADS, 0, exec->gpu->stream>>>(*args, k, packs * ELEMENTS);
    return bit_gpu_launched("adamw");
}
