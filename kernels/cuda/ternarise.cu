/* Codes of a weight matrix: one pass, four weights per thread at a time. */
#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/args.h"
#include "kernels/ternarise.h"
}

#define THREADS  256
#define ELEMENTS 4
#define PASSES   4 /* per thread, for fewer atomic additions of the counts */

/* Weights i..i+N, whose accesses are aligned to N elements. */
template <int N, typename OUT>
static __device__ __forceinline__ void code_weights(const bit_ternarise_args &a, float scale, int64_t i,
                                                    unsigned &zeros)
{
    const auto w = bit_load<float, N>(a.w + i);
    bit_pack<int8_t, N> codes;
    bit_pack<OUT, N> out;
#pragma unroll
    for (int e = 0; e < N; e++) {
        const float u = __fmul_rn(w.v[e], scale), code = fmaxf(fminf(rintf(u), 1.0f), -1.0f);

        codes.v[e] = (int8_t)code;
        zeros += code == 0;
        out.v[e] = bit_from_f32<OUT>(a.strength == 1.0f ? code
                                                        : __fadd_rn(u, __fmul_rn(a.strength, __fsub_rn(code, u))));
    }
    if (a.codes != nullptr)
        bit_store<int8_t, N>(a.codes + i, codes);
    if (a.out != nullptr)
        bit_store<OUT, N>((OUT *)a.out + i, out);
}

template <int N, typename OUT>
static __global__ void __launch_bounds__(THREADS) ternarise(bit_ternarise_args a, int64_t first)
{
    __shared__ unsigned shared[THREADS / BIT_WARP];
    const float scale = *a.scale;
    unsigned zeros = 0;

    for (int pass = 0; pass < PASSES; pass++) {
        const int64_t i = first + (((int64_t)blockIdx.x * PASSES + pass) * THREADS + threadIdx.x) * N;
        if (i + N <= a.count)
            code_weights<N, OUT>(a, scale, i, zeros);
    }
    zeros = bit_block_sum<THREADS>(zeros, shared);
    if (threadIdx.x == 0 && a.zeros != nullptr && zeros > 0)
        atomicAdd((unsigned long long *)a.zeros, (unsigned long long)zeros);
}

template <typename OUT> static int launch(const struct bit_exec *exec, const struct bit_ternarise_args *a)
{
    const bool whole = bit_aligned(a->w, 0, ELEMENTS * sizeof(float)) && bit_aligned(a->codes, 0, ELEMENTS) &&
                       bit_aligned(a->out, 0, ELEMENTS * sizeof(OUT));
    const int64_t packs = whole ? a->count / ELEMENTS : 0, rest = a->count - packs * ELEMENTS;
    const int64_t each = THREADS * PASSES;

    if (packs > 0)
        ternarise<ELEMENTS, OUT><<<(unsigned)((packs + each - 1) / each), THREADS, 0, exec->gpu->stream>>>(*a, 0);
    if (rest > 0)
        ternarise<1, OUT>
            <<<(unsigned)((rest + each - 1) / each), THREADS, 0, exec->gpu->stream>>>(*a, packs * ELEMENTS);
    return bit_gpu_launched("ternarise");
}

extern "C" int bit_ternarise_cuda(const struct bit_exec *exec, const struct bit_ternarise_args *args)
{
    int err = bit_ternarise_check(args);

    if (err < 0)
        return err;
    return args->out_dtype == BIT_BF16 ? launch<__nv_bfloat16>(exec, args) : launch<float>(exec, args);
}
