/* Codes of a weight matrix, and two bits each on the wire: one pass, four weights a thread at a time. */
#include "kernels/cuda_util.cuh"
extern "C" {
#include "kernels/args.h"
#include "kernels/ternarise.h"
}

#define THREADS  256
#define ELEMENTS 4
#define PASSES   4 /* of four weights for each thread: fewer atomic additions of the counts */

struct tally {
    unsigned zeros, flips;
};

/* Weights i..i+N, whose accesses are aligned to N elements. */
template <int N, typename OUT>
static __device__ __forceinline__ void code_weights(const bit_ternarise_args &a, float scale, int64_t i, tally &t)
{
    const auto w = bit_load<float, N>(a.w + i);
    bit_pack<int8_t, N> codes, previous = {};
    bit_pack<OUT, N> out;

    if (a.previous != nullptr)
        previous = bit_load<int8_t, N>(a.previous + i);
#pragma unroll
    for (int e = 0; e < N; e++) {
        const float u = __fmul_rn(w.v[e], scale), code = fmaxf(fminf(rintf(u), 1.0f), -1.0f);

        codes.v[e] = (int8_t)code;
        t.zeros += code == 0;
        t.flips += a.previous != nullptr && previous.v[e] != (int8_t)code;
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
    tally t = {0, 0};

    for (int pass = 0; pass < PASSES; pass++) {
        const int64_t i = first + (((int64_t)blockIdx.x * PASSES + pass) * THREADS + threadIdx.x) * N;
        if (i + N <= a.count)
            code_weights<N, OUT>(a, scale, i, t);
    }
    const unsigned zeros = bit_block_sum<THREADS>(t.zeros, shared), flips = bit_block_sum<THREADS>(t.flips, shared);
    if (threadIdx.x == 0 && a.zeros != nullptr && zeros > 0)
        atomicAdd((unsigned long long *)a.zeros, (unsigned long long)zeros);
    if (threadIdx.x == 0 && a.flips != nullptr && flips > 0)
        atomicAdd((unsigned long long *)a.flips, (unsigned long long)flips);
}

template <typename OUT> static int launch(const struct bit_exec *exec, const struct bit_ternarise_args *a)
{
    const bool whole = bit_aligned(a->w, 0, ELEMENTS * sizeof(float)) && bit_aligned(a->codes, 0, ELEMENTS) &&
                       bit_aligned(a->previous, 0, ELEMENTS) && bit_aligned(a->out, 0, ELEMENTS * sizeof(OUT));
    const int64_t packs = whole ? a->count / ELEMENTS : 0, rest = a->count - packs * ELEMENTS;
    const int64_t each = THREADS * PASSES;

    if (packs > 0)
        ternarise<ELEMENTS, OUT><<<(unsigned)((packs + each - 1) / each), THREADS, 0, exec->cuda->stream>>>(*a, 0);
    if (rest > 0)
        ternarise<1, OUT>
            <<<(unsigned)((rest + each - 1) / each), THREADS, 0, exec->cuda->stream>>>(*a, packs * ELEMENTS);
    return bit_cuda_launched("ternarise");
}

extern "C" int bit_ternarise_cuda(const struct bit_exec *exec, const struct bit_ternarise_args *args)
{
    int err = bit_ternarise_check(args);

    if (err < 0)
        return err;
    return args->out_dtype == BIT_BF16 ? launch<__nv_bfloat16>(exec, args) : launch<float>(exec, args);
}

/* A thread makes one byte of four codes; behind the end there is code 0. */
static __global__ void __launch_bounds__(THREADS) pack(int64_t count, const int8_t *codes, uint8_t *packed)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    unsigned byte = 0;

    if (i * 4 >= count)
        return;
#pragma unroll
    for (int e = 0; e < 4; e++)
        byte |= (unsigned)((i * 4 + e < count ? codes[i * 4 + e] : 0) + 1) << 2 * e;
    packed[i] = (uint8_t)byte;
}

template <typename OUT> static __global__ void __launch_bounds__(THREADS) unpack(bit_unpack_codes_args a)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;

    if (i * 4 >= a.count)
        return;
    const unsigned byte = a.packed[i];
    bit_pack<int8_t, 4> codes;
    bit_pack<OUT, 4> out;
#pragma unroll
    for (int e = 0; e < 4; e++) {
        codes.v[e] = (int8_t)((byte >> 2 * e & 3) - 1);
        out.v[e] = bit_from_f32<OUT>((float)codes.v[e]);
    }
    if ((byte & byte >> 1 & 0x55) != 0)
        atomicAdd((unsigned long long *)a.bad, 1ull);
    const bool whole = i * 4 + 4 <= a.count, aligned = (uintptr_t)a.codes % 4 == 0 && (uintptr_t)a.out % sizeof out == 0;
    if (whole && aligned) {
        bit_store<int8_t, 4>(a.codes + i * 4, codes);
        if (a.out != nullptr)
            bit_store<OUT, 4>((OUT *)a.out + i * 4, out);
        return;
    }
    for (int e = 0; e < 4 && i * 4 + e < a.count; e++) {
        a.codes[i * 4 + e] = codes.v[e];
        if (a.out != nullptr)
            ((OUT *)a.out)[i * 4 + e] = out.v[e];
    }
}

static unsigned blocks_of(int64_t count)
{
    return (unsigned)(((count + 3) / 4 + THREADS - 1) / THREADS);
}

extern "C" int bit_pack_codes_cuda(const struct bit_exec *exec, const struct bit_pack_codes_args *args)
{
    if (args->count == 0)
        return 0;
    pack<<<blocks_of(args->count), THREADS, 0, exec->cuda->stream>>>(args->count, args->codes, args->packed);
    return bit_cuda_launched("pack_codes");
}

extern "C" int bit_unpack_codes_cuda(const struct bit_exec *exec, const struct bit_unpack_codes_args *args)
{
    if (args->count == 0)
        return 0;
    if (args->out != nullptr && args->out_dtype == BIT_F32)
        unpack<float><<<blocks_of(args->count), THREADS, 0, exec->cuda->stream>>>(*args);
    else
        unpack<__nv_bfloat16><<<blocks_of(args->count), THREADS, 0, exec->cuda->stream>>>(*args);
    return bit_cuda_launched("unpack_codes");
}
