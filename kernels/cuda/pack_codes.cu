/* Codes to two bits each and back: a thread makes a byte of four codes, or four bytes at once. */
#include "kernels/cuda/util.cuh"
extern "C" {
#include "kernels/pack_codes.h"
}

#define THREADS 256
#define PASSES  4 /* per thread, for fewer atomic additions of the counts */

/* Four codes of a byte each to two bits each: the low two bits of -1, 0, 1 are 3, 0, 1; adding 1 makes them 0, 1, 2. */
static __device__ __forceinline__ unsigned pack_word(unsigned word)
{
    const unsigned w = ((word & 0x03030303) + 0x01010101) & 0x03030303;

    return (w | w >> 6 | w >> 12 | w >> 18) & 0xff;
}

/* Packs four codes starting at i; past the end the code is 0. */
static __device__ __forceinline__ unsigned pack_few(const bit_pack_codes_args &a, int64_t i)
{
    unsigned word = 0;

#pragma unroll
    for (int e = 0; e < 4; e++)
        word |= (unsigned)(uint8_t)(i + e < a.count ? a.codes[i + e] : 0) << 8 * e;
    return pack_word(word);
}

static __device__ __forceinline__ unsigned differing(unsigned now, unsigned before)
{
    const unsigned bits = now ^ before;

    return __popc((bits | bits >> 1) & 0x55555555);
}

/* A thread writes PASSES elements of T, one byte or four; all threads write `count` of them, from byte `first` on. */
template <typename T>
static __global__ void __launch_bounds__(THREADS) pack(bit_pack_codes_args a, int64_t first, int64_t count)
{
    __shared__ unsigned shared[THREADS / BIT_WARP];
    T *packed = (T *)(a.packed + first);
    unsigned flips = 0;

    for (int pass = 0; pass < PASSES; pass++) {
        const int64_t i = ((int64_t)blockIdx.x * PASSES + pass) * THREADS + threadIdx.x;
        unsigned now = 0;
        if (i >= count)
            break;
        if (sizeof(T) == 1) {
            now = pack_few(a, (first + i) * 4);
        } else {
            const auto words = bit_load<unsigned, 4>((const unsigned *)a.codes + i * 4);
#pragma unroll
            for (int w = 0; w < 4; w++)
                now |= pack_word(words.v[w]) << 8 * w;
        }
        if (a.flips != nullptr)
            flips += differing(now, packed[i]);
        packed[i] = (T)now;
    }
    if (a.flips == nullptr)
        return;
    flips = bit_block_sum<THREADS>(flips, shared);
    if (threadIdx.x == 0 && flips > 0)
        atomicAdd((unsigned long long *)a.flips, (unsigned long long)flips);
}

template <typename T>
static void launch_pack(const struct bit_exec *exec, const struct bit_pack_codes_args *a, int64_t first, int64_t count)
{
    const int64_t each = THREADS * PASSES;

    if (count > 0)
        pack<T><<<(unsigned)((count + each - 1) / each), THREADS, 0, exec->gpu->stream>>>(*a, first, count);
}

static __global__ void __launch_bounds__(THREADS) unpack(bit_unpack_codes_args a)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;

    if (i * 4 >= a.count)
        return;
    const unsigned byte = a.packed[i];
    bit_pack<int8_t, 4> codes;
#pragma unroll
    for (int e = 0; e < 4; e++)
        codes.v[e] = (int8_t)((byte >> 2 * e & 3) - 1);
    if ((byte & byte >> 1 & 0x55) != 0)
        atomicAdd((unsigned long long *)a.bad, 1ull);
    if (i * 4 + 4 <= a.count && (uintptr_t)a.codes % 4 == 0) {
        bit_store<int8_t, 4>(a.codes + i * 4, codes);
        return;
    }
    for (int e = 0; e < 4 && i * 4 + e < a.count; e++)
        a.codes[i * 4 + e] = codes.v[e];
}

static unsigned blocks_of(int64_t count)
{
    return (unsigned)(((count + 3) / 4 + THREADS - 1) / THREADS);
}

extern "C" int bit_pack_codes_cuda(const struct bit_exec *exec, const struct bit_pack_codes_args *args)
{
    const int64_t bytes = (args->count + 3) / 4;
    const bool whole = bit_aligned(args->codes, 0, 16) && bit_aligned(args->packed, 0, 4);
    const int64_t words = whole ? args->count / 16 : 0;

    launch_pack<unsigned>(exec, args, 0, words);
    launch_pack<uint8_t>(exec, args, words * 4, bytes - words * 4);
    return bit_gpu_launched("pack_codes");
}

extern "C" int bit_unpack_codes_cuda(const struct bit_exec *exec, const struct bit_unpack_codes_args *args)
{
    if (args->count == 0)
        return 0;
    unpack<<<blocks_of(args->count), THREADS, 0, exec->gpu->stream>>>(*args);
    return bit_gpu_launched("unpack_codes");
}
