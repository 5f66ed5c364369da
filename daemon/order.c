#include "daemon/order.h"

#include <stdlib.h>

#include "proto/err.h"

#define POOL_WORDS  4
#define STATE_WORDS 8

static uint32_t hash_word(uint32_t *constant, uint32_t multiplier, uint32_t value)
{
    value ^= *constant;
    *constant *= multiplier;
    value *= *constant;
    return value ^ value >> 16;
}

static uint32_t mix_words(uint32_t x, uint32_t y)
{
    uint32_t mixed = 0xca01f9ddu * x - 0x4973f715u * y;
    return mixed ^ mixed >> 16;
}

/* SeedSequence(seed).generate_state(8): a seed of up to 64 bits is one or two words of entropy, the rest is zero. */
static void stretch_seed(uint64_t seed, uint32_t out[STATE_WORDS])
{
    uint32_t pool[POOL_WORDS], constant = 0x43b0d7e5u;
    for (int i = 0; i < POOL_WORDS; i++)
        pool[i] = hash_word(&constant, 0x931e8875u, i < 2 ? (uint32_t)(seed >> (32 * i)) : 0);
    for (int from = 0; from < POOL_WORDS; from++)
        for (int to = 0; to < POOL_WORDS; to++)
            if (from != to)
                pool[to] = mix_words(pool[to], hash_word(&constant, 0x931e8875u, pool[from]));
    constant = 0x8b51f9ddu;
    for (int i = 0; i < STATE_WORDS; i++)
        out[i] = hash_word(&constant, 0x58f38dedu, pool[i % POOL_WORDS]);
}

static void advance(struct bit_pcg64 *rng)
{
    const unsigned __int128 multiplier = (unsigned __int128)0x2360ed051fc65da4ull << 64 | 0x4385df649fccf645ull;
    rng->state = rng->state * multiplier + rng->inc;
}

static unsigned __int128 join(const uint32_t *w)
{
    uint64_t high = w[0] | (uint64_t)w[1] << 32, low = w[2] | (uint64_t)w[3] << 32;
    return (unsigned __int128)high << 64 | low;
}

void bit_pcg64_init(struct bit_pcg64 *rng, uint64_t seed)
{
    uint32_t words[STATE_WORDS];
    stretch_seed(seed, words);
    *rng = (struct bit_pcg64){.state = 0, .inc = join(words + 4) << 1 | 1};
    advance(rng);
    rng->state += join(words);
    advance(rng);
}

uint64_t bit_pcg64_next64(struct bit_pcg64 *rng)
{
    advance(rng);
    uint64_t folded = (uint64_t)(rng->state >> 64) ^ (uint64_t)rng->state;
    unsigned turn = (unsigned)(rng->state >> 122);
    return folded >> turn | folded << (-turn & 63);
}

uint32_t bit_pcg64_next32(struct bit_pcg64 *rng)
{
    if (rng->has_half) {
        rng->has_half = false;
        return rng->half;
    }
    uint64_t draw = bit_pcg64_next64(rng);
    rng->has_half = true;
    rng->half = (uint32_t)(draw >> 32);
    return (uint32_t)draw;
}

/* Uniform in [0, max]: draws under the next power of two until one fits. */
static uint32_t draw_below(struct bit_pcg64 *rng, uint32_t max)
{
    uint32_t mask = UINT32_MAX >> __builtin_clz(max), v;
    do
        v = bit_pcg64_next32(rng) & mask;
    while (v > max);
    return v;
}

int bit_order_create(uint64_t seed, uint64_t count, uint32_t **out)
{
    if (count > UINT32_MAX)
        return bit_fail(BIT_ELIMIT, "%llu instances, and an order holds at most %u", (unsigned long long)count,
                        UINT32_MAX);
    uint32_t *order = malloc((count ? count : 1) * sizeof *order);
    if (order == NULL)
        return bit_fail(-ENOMEM, "the order of %llu instances", (unsigned long long)count);
    for (uint64_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    struct bit_pcg64 rng;
    bit_pcg64_init(&rng, seed);
    for (uint32_t i = (uint32_t)count; i-- > 1;) {
        uint32_t j = draw_below(&rng, i), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    *out = order;
    return 0;
}
