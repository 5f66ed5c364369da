/*
 * f32 to bf16 by stochastic rounding: up as often as x is near the upper neighbour, so that the mean of many roundings
 * is x. What changes by less than half a unit a step still moves, which rounding to nearest would keep where it is.
 * The random bits follow from a seed, the update and the element's place in the flat vector alone: any back end, number
 * of threads and ranks, and a step that is done again, round alike.
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

/* Of one update. */
struct bit_rounding_key {
    uint32_t first, second;
};

#define BIT_ROUNDING_ROUND1 0x7feb352du
#define BIT_ROUNDING_ROUND2 0x846ca68bu
#define BIT_ROUNDING_HIGH   0x9e3779b9u /* spreads what of the element's number is beyond 32 bits */

/* splitmix64 of both. */
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

/* x's bits, with the low half of `random` added below what bf16 keeps; the upper half of the sum. Infinity and NaN stay
 * what they are. */
static inline BIT_ON_BOTH bit_bf16 bit_rounded_bits(uint32_t x, uint32_t random)
{
    return (bit_bf16)(((x & 0x7f800000u) == 0x7f800000u ? x : x + (random & 0xffffu)) >> 16);
}

static inline bit_bf16 bit_round_stochastically(float x, uint32_t random)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bit_rounded_bits(bits, random);
}

#endif
