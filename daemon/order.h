/* The data permutation: numpy's PCG64 and its shuffle, bit for bit, because OLMo's runs are ordered by them. */
#ifndef BIT_DAEMON_ORDER_H
#define BIT_DAEMON_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct bit_pcg64 {
    unsigned __int128 state, inc;
    bool has_half; /* next32 hands out the low half of a draw first and keeps the high one */
    uint32_t half;
};

/** As numpy.random.PCG64(seed): the seed is stretched by SeedSequence. */
void bit_pcg64_init(struct bit_pcg64 *rng, uint64_t seed);
uint64_t bit_pcg64_next64(struct bit_pcg64 *rng);
uint32_t bit_pcg64_next32(struct bit_pcg64 *rng);

/**
 * The order of `count` instances: numpy.random.Generator(PCG64(seed)).shuffle(arange(count, uint32)).
 * Shapes      *out is (count), heap, the caller's; an epoch's seed is the data seed + the epoch, from 0
 * Limits      count <= UINT32_MAX
 * Order       one draw for each swap, from the last element down; masked rejection, not Lemire's method
 * Errors      -ENOMEM; BIT_ELIMIT
 * Source      numpy/numpy: random/src/pcg64, _pcg64.pyx, bit_generator.pyx (SeedSequence), distributions.c
 *             (random_interval); olmo/data/iterable_dataset.py
 */
int bit_order_create(uint64_t seed, uint64_t count, uint32_t **out);

#endif
