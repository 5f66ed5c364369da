/* numpy's PCG64 and the draws of its shuffle, bit for bit, because they determine the order of the data in OLMo. */
#ifndef BIT_PROTO_PCG64_H
#define BIT_PROTO_PCG64_H

#include <stdbool.h>
#include <stdint.h>

struct bit_pcg64 {
    unsigned __int128 state, inc;
    bool has_half; /* next32 hands out the low half of a draw first and keeps the high one */
    uint32_t half;
};

/** As numpy.random.PCG64(seed), which expands the seed by SeedSequence. */
void bit_pcg64_init(struct bit_pcg64 *rng, uint64_t seed);
uint64_t bit_pcg64_next64(struct bit_pcg64 *rng);
uint32_t bit_pcg64_next32(struct bit_pcg64 *rng);

/**
 * The elements that a shuffle swaps low <= i <= high with: for i from high down to low, a draw in [0, i] by masked
 * rejection (not Lemire's method), written to out[i - low].
 * Shapes      out is (high - low + 1)        Limits  low >= 1
 * Source      numpy/numpy: random/src/pcg64, _pcg64.pyx, bit_generator.pyx (SeedSequence), distributions.c
 *             (random_interval), _generator.pyx (shuffle)
 */
void bit_pcg64_swaps(struct bit_pcg64 *rng, uint32_t high, uint32_t low, uint32_t *out);

#endif
