#include "proto/data/pcg64.h"

#include "proto/check.h"

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

/* One draw for element i: kept if it is at most i, else overwritten by the next. Returns the element to draw for next.
 */
static inline uint32_t offer(uint32_t draw, uint32_t i, uint32_t mask, uint32_t low, uint32_t *out)
{
    uint32_t v = draw & mask;

    out[i - low] = v;
    return i - (v <= i);
}

/* Elements high to last, which have the same mask: without a branch on the drawn value, two draws per iteration. */
static void swaps_of_mask(struct bit_pcg64 *rng, uint32_t high, uint32_t last, uint32_t low, uint32_t *out)
{
    uint32_t i = high, mask = UINT32_MAX >> __builtin_clz(high);
    struct bit_pcg64 r = *rng; /* in registers */

    if (r.has_half)
        i = offer(bit_pcg64_next32(&r), i, mask, low, out);
    while (i > last) {
        uint64_t draw = bit_pcg64_next64(&r);
        i = offer((uint32_t)draw, i, mask, low, out);
        i = offer((uint32_t)(draw >> 32), i, mask, low, out);
    }
    while (i == last) /* one at a time: the second half of a draw may belong to the next mask */
        i = offer(bit_pcg64_next32(&r), i, mask, low, out);
    *rng = r;
}

void bit_pcg64_swaps(struct bit_pcg64 *rng, uint32_t high, uint32_t low, uint32_t *out)
{
    BIT_ASSERT(low >= 1 && high >= low);
    while (high >= low) {
        uint32_t least = 1u << (31 - __builtin_clz(high)); /* the least with the mask of high */
        uint32_t last = least > low ? least : low;
        swaps_of_mask(rng, high, last, low, out);
        high = last - 1;
    }
}
