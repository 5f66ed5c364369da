/* Vectors of codes: rounding, clamping and narrowing, for activations and weights. Only for sources of
 * kernels_isa_sources. */
#ifndef BIT_KERNELS_CPU_CODES_H
#define BIT_KERNELS_CPU_CODES_H

#include "kernels/cpu/simd.h"
#include "kernels/operand.h"

typedef int8_t vcodes __attribute__((vector_size(BIT_LANES)));

/* clamp(rint(u), low, high), half to even; the bounds are integers, so clamping may come first. AVX2 does not round by
 * adding 1.5 2^23, because the compiler may fuse the addition with the product that gave u, which must be rounded
 * first. */
static inline vf code_of(vf u, float low, float high)
{
    const vf inside = vf_max(vf_min(u, vf_set(high)), vf_set(low));

#if defined(__AVX2__) && !defined(__AVX512BF16__)
    return (vf)_mm256_round_ps((__m256)inside, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    return vf_round(inside);
#endif
}

static inline vcodes narrow_codes(vf code)
{
    const vi whole = __builtin_convertvector(code, vi);

#if defined(__AVX512BF16__)
    return (vcodes)_mm512_cvtepi32_epi8((__m512i)whole);
#else
    return __builtin_convertvector(whole, vcodes);
#endif
}

/* Stores BIT_LANES codes, or `left` if that is less. */
static inline void store_codes(int8_t *q, int64_t left, vf code)
{
    const vcodes narrow = narrow_codes(code);

    if (left >= BIT_LANES)
        memcpy(q, &narrow, sizeof narrow);
    else
        memcpy(q, &narrow, (size_t)left);
}

/* The blend of u and its code, which quantise writes below full strength. */
static inline vf blend_of(vf u, vf code, float strength)
{
    return u + strength * (code - u);
}

/* The operand of operand.h, from n of row r. Adding 0 turns a code of -0 into 0, as in int8. */
static inline vf operand_of(const struct bit_operand *operand, int64_t r, vf n)
{
    if (operand->scale == NULL)
        return n;
    const float scale = operand->scale[r], inverse = 1.0f / scale;
    const vf u = n * scale, code = code_of(u, -128, 127);
    if (operand->strength == 1)
        return (code + 0.0f) * inverse;
    const vf blend = blend_of(u, code, operand->strength);
    return (operand->dtype == BIT_BF16 ? vf_from_bf16(vf_to_bf16(blend)) : blend) * inverse;
}

#endif
