/*
 * Vectors of f32 at the width of the level that this file is built for, as the compiler's vector types, and functions
 * that the fast variants share. Only for sources of kernels_isa_sources.
 */
#ifndef BIT_KERNELS_CPU_SIMD_H
#define BIT_KERNELS_CPU_SIMD_H

#include <string.h>

#include "kernels/exec/exec.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512BF16__)
#define BIT_LANES 16
#elif defined(__AVX2__)
#define BIT_LANES 8
#else
#define BIT_LANES 4
#endif

typedef float vf __attribute__((vector_size(BIT_LANES * 4)));
typedef int32_t vi __attribute__((vector_size(BIT_LANES * 4)));
typedef uint32_t vu __attribute__((vector_size(BIT_LANES * 4)));
typedef uint16_t vh __attribute__((vector_size(BIT_LANES * 2)));

static inline vf vf_set(float x)
{
    return x - (vf){0};
}

static inline vf vf_load(const float *p)
{
    vf v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline void vf_store(float *p, vf v)
{
    memcpy(p, &v, sizeof v);
}

static inline vu vu_load(const uint32_t *p)
{
    vu v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline void vu_store(uint32_t *p, vu v)
{
    memcpy(p, &v, sizeof v);
}

/* a in lanes where `which` has all bits set, b where it has none. */
static inline vf vf_select(vi which, vf a, vf b)
{
    return (vf)((which & (vi)a) | (~which & (vi)b));
}

/* The larger (below: the smaller) of a and b; b if either is NaN. */
static inline vf vf_max(vf a, vf b)
{
#if defined(__AVX512BF16__)
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return vf_select(a > b, a, b);
#endif
}

static inline vf vf_min(vf a, vf b)
{
#if defined(__AVX512BF16__)
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return vf_select(a < b, a, b);
#endif
}

/* Conversion between 32-bit and 16-bit lanes; callers only narrow lanes that fit. The compiler's own conversion takes
 * twice the instructions. */
static inline vu vu_widen(vh h)
{
#if defined(__AVX512BF16__)
    return (vu)_mm512_cvtepu16_epi32((__m256i)h);
#elif defined(__AVX2__)
    return (vu)_mm256_cvtepu16_epi32((__m128i)h);
#else
    return __builtin_convertvector(h, vu);
#endif
}

static inline vh vu_narrow(vu u)
{
#if defined(__AVX512BF16__)
    return (vh)_mm512_cvtepi32_epi16((__m512i)u);
#elif defined(__AVX2__)
    const __m256i packed = _mm256_packus_epi32((__m256i)u, (__m256i)u);
    return (vh)_mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08));
#else
    return __builtin_convertvector(u, vh);
#endif
}

static inline vf vf_from_bf16(vh h)
{
    return (vf)(vu_widen(h) << 16);
}

/* Round to nearest, ties to even; NaN stays NaN: bit_f32_to_bf16 in every lane, except that the AVX-512 instruction
 * treats subnormals (below 2^-126) as zero. */
static inline vh vf_to_bf16(vf v)
{
#if defined(__AVX512BF16__)
    return (vh)_mm512_cvtneps_pbh((__m512)v);
#else
    const vu u = (vu)v;
    const vu rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16, nan = (u >> 16) | 0x40;
    const vu is_nan = (vu)((vi)(u & 0x7fffffff) > 0x7f800000);
    return vu_narrow((is_nan & nan) | (~is_nan & rounded));
#endif
}

/* BIT_LANES elements of x, starting at element i. */
static inline vf vf_load_as(const void *x, enum bit_dtype dtype, int64_t i)
{
    vh h;

    if (dtype == BIT_F32)
        return vf_load((const float *)x + i);
    memcpy(&h, (const bit_bf16 *)x + i, sizeof h);
    return vf_from_bf16(h);
}

/* Prefetches the cache line of element i. Always inline, because GCC removes calls to a function that only
 * prefetches. */
static inline __attribute__((always_inline)) void vf_fetch(const void *x, enum bit_dtype dtype, int64_t i)
{
    __builtin_prefetch((const uint8_t *)x + (size_t)i * bit_dtype_bytes(dtype));
}

static inline void vf_store_as(void *y, enum bit_dtype dtype, int64_t i, vf v)
{
    if (dtype == BIT_F32) {
        vf_store((float *)y + i, v);
    } else {
        const vh h = vf_to_bf16(v);
        memcpy((bit_bf16 *)y + i, &h, sizeof h);
    }
}

/* vf_load_as and vf_store_as for n < BIT_LANES elements. A load sets the other lanes to `rest`; a store does not write
 * them. */
static inline vf vf_load_part(const void *x, enum bit_dtype dtype, int64_t i, int64_t n, float rest)
{
    uint8_t part[sizeof(vf)] = {0};
    float lane[BIT_LANES];

    memcpy(part, (const uint8_t *)x + (size_t)i * bit_dtype_bytes(dtype), (size_t)n * bit_dtype_bytes(dtype));
    vf_store(lane, vf_load_as(part, dtype, 0));
    for (int64_t k = n; k < BIT_LANES; k++)
        lane[k] = rest;
    return vf_load(lane);
}

static inline void vf_store_part(void *y, enum bit_dtype dtype, int64_t i, int64_t n, vf v)
{
    uint8_t part[sizeof(vf)];

    vf_store_as(part, dtype, 0, v);
    memcpy((uint8_t *)y + (size_t)i * bit_dtype_bytes(dtype), part, (size_t)n * bit_dtype_bytes(dtype));
}

/* Up to BIT_LANES elements, of which n remain: for loops over rows of any length. */
static inline vf vf_load_upto(const void *x, enum bit_dtype dtype, int64_t i, int64_t n, float rest)
{
    return n >= BIT_LANES ? vf_load_as(x, dtype, i) : vf_load_part(x, dtype, i, n, rest);
}

static inline void vf_store_upto(void *y, enum bit_dtype dtype, int64_t i, int64_t n, vf v)
{
    if (n >= BIT_LANES)
        vf_store_as(y, dtype, i, v);
    else
        vf_store_part(y, dtype, i, n, v);
}

/* Bit i is set if lane i has all bits set; each lane must have all bits set or none. */
static inline unsigned vi_bits(vi which)
{
#if defined(__AVX512BF16__)
    return (unsigned)_mm512_movepi32_mask((__m512i)which);
#elif defined(__AVX2__)
    return (unsigned)_mm256_movemask_ps((__m256)which);
#else
    unsigned bits = 0;

    for (int i = 0; i < BIT_LANES; i++)
        bits |= (which[i] & 1u) << i;
    return bits;
#endif
}

/* 1 / x to 2e-7 for x in [1, 2^127]. */
static inline vf vf_inverse(vf x)
{
#if defined(__AVX512BF16__)
    const vf r = (vf)_mm512_rcp14_ps((__m512)x);
    return r * (2.0f - x * r); /* one Newton step doubles the 14 bits */
#else
    return 1.0f / x;
#endif
}

static inline float vf_sum(vf v)
{
    float lane[BIT_LANES];

    vf_store(lane, v);
    for (int width = BIT_LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            lane[i] += lane[i + width];
    return lane[0];
}

static inline float vf_largest(vf v)
{
    float lane[BIT_LANES], max;

    vf_store(lane, v);
    max = lane[0];
    for (int i = 1; i < BIT_LANES; i++)
        max = lane[i] > max || lane[i] != lane[i] ? lane[i] : max;
    return max;
}

static inline vf vf_round(vf x)
{
#if defined(__AVX512BF16__)
    return (vf)_mm512_roundscale_ps((__m512)x, 0);
#else
    return (x + 0x1.8p23f) - 0x1.8p23f;
#endif
}

/* p 2^n for integer n in [-160, 128] and p near 1: infinity at 128, and 0 or subnormal below -126. */
static inline vf vf_scale(vf p, vf n)
{
#if defined(__AVX512BF16__)
    return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    /* 2^n as the product of two normal numbers. */
    const vi whole = __builtin_convertvector(n, vi), half = whole >> 1;
    return p * (vf)((half + 127) << 23) * (vf)((whole - half + 127) << 23);
#endif
}

/* 2^x with relative error 3e-7 (if the result is normal), 0 and infinity where these are nearest, NaN for NaN.
 * x = n + r with |r| <= 1/2; the polynomial is the Chebyshev fit of (2^r - 1) / r. */
static inline vf vf_exp2(vf x)
{
    const vf inside = vf_max(vf_set(-160), vf_min(vf_set(128), x));
    const vf n = vf_round(inside), r = inside - n;
    vf p = r * 0.00133908674f + 0.00966637369f;

    p = p * r + 0.055503571f;
    p = p * r + 0.240223489f;
    p = p * r + 0.693147188f;
    p = p * r + 1.0f;
    return vf_scale(p, n);
}

/* e^x with relative error 1e-7, otherwise as vf_exp2. r = x - n ln 2 in two steps, so that it is exact for large n. */
static inline vf vf_exp(vf x)
{
    const vf inside = vf_max(vf_set(-110), vf_min(vf_set(88.73f), x));
    const vf n = vf_round(inside * 1.44269504f), r = (inside - n * 0.693145752f) - n * 1.42860677e-6f;
    vf p = r * 0.00139411109f + 0.00836915098f;

    p = p * r + 0.0416663529f;
    p = p * r + 0.166665052f;
    p = p * r + 0.500000005f;
    p = p * r + 1.00000001f;
    p = p * r + 1.0f;
    return vf_scale(p, n);
}

#endif
