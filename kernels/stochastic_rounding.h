/*
 * f32 to bf16 by stochastic rounding: x is rounded up with the probability that makes the expected result x. A value
 * that changes by less than half a unit a step therefore still moves; rounding to nearest would leave it where it is.
 * The random bits depend only on a seed, the update and the element's index in the flat vector: every back end, any
 * number of threads and ranks, and a repeated step give the same rounding.
 * Source      the mixer is Wellons's lowbias32 (hash-prospector), with a second key between its rounds
 */
#ifndef BIT_KERNELS_STOCHASTIC_ROUNDING_H
#define BIT_KERNELS_STOCHASTIC_ROUNDING_H

#include <stdint.h>
#include <string.h>

#include "kernels/exec/exec.h"

#ifdef __CUDACC__
#define BIT_ON_BOTH __host__ __device__
#else
#define BIT_ON_BOTH
#endif

/* One update's key. */
struct bit_rounding_key {
    uint32_t first, second;
};

#define BIT_ROUNDING_ROUND1 0x7feb352du
#define BIT_ROUNDING_ROUND2 0x846ca68bu
#define BIT_ROUNDING_HIGH   0x9e3779b9u /* spreads the upper 32 bits of the element's index */

/* splitmix64 of seed and update. */
static inline struct bit_rounding_key bit_rounding_key_of(uint64_t seed, uint64_t update)
{
    uint64_t z = seed * 0xd1342543de82ef95u + update * 0x9e3779b97f4a7c15u;
    struct bit_rounding_key key;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    key.first = (uint32_t)z;
    key.second = (uint32_t)(z >> 32);
    return key;
}

/* 32 random bits: the low half rounds an element's first value, the high half its second. */
static inline BIT_ON_BOTH uint32_t bit_rounding_bits(struct bit_rounding_key key, uint64_t element)
{
    const uint32_t high = (uint32_t)(element >> 32) * BIT_ROUNDING_HIGH;
    uint32_t x = (uint32_t)element + high + key.first;

    x = (x ^ (x >> 16)) * BIT_ROUNDING_ROUND1;
    x ^= high + key.second;
    x = (x ^ (x >> 15)) * BIT_ROUNDING_ROUND2;
    return x ^ (x >> 16);
}

/* Adds the low half of `random` to x's bits and returns the upper half of the sum. Infinity is unchanged. NaN is
 * truncated and made quiet, since the upper half of a payload may be zero, which would be infinity. */
static inline BIT_ON_BOTH bit_bf16 bit_rounded_bits(uint32_t x, uint32_t random)
{
    if ((x & 0x7fffffffu) > 0x7f800000u)
        return (bit_bf16)((x >> 16) | 0x40u);
    return (bit_bf16)(((x & 0x7f800000u) == 0x7f800000u ? x : x + (random & 0xffffu)) >> 16);
}

static inline bit_bf16 bit_round_stochastically(float x, uint32_t random)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bit_rounded_bits(bits, random);
}

#endif
