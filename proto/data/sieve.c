#include "proto/data/sieve.h"

#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/huge_pages.h"

#define PART_BITS 20 /* 128 KiB of the field at a time: a part of an L2 cache */
#define ASK_BITS  20

static uint32_t bins(const struct bit_sieve *s)
{
    return 1u << (s->bits - s->bin_bits);
}

int bit_sieve_init(struct bit_sieve *s, unsigned bits)
{
    BIT_ASSERT(bits >= 6 && bits <= 31);
    *s = (struct bit_sieve){.bits = bits, .bin_bits = BIT_MIN(bits, (unsigned)PART_BITS)};
    s->bin_room = BIT_SIEVE_ASK_MAX / bins(s) / 4 * 5; /* a full bin is tested immediately */
    s->field = bit_huge_pages_alloc(((size_t)1 << bits) / 8);
    s->question = malloc((size_t)s->bin_room * bins(s) * sizeof *s->question);
    s->asked = calloc(bins(s), sizeof *s->asked);
    s->hit = malloc(s->bin_room * sizeof *s->hit);
    if (s->field == NULL || s->question == NULL || s->asked == NULL || s->hit == NULL) {
        bit_sieve_finish(s);
        return bit_fail(-ENOMEM, "a sieve of 2^%u bits", bits);
    }
    bit_sieve_clear(s);
    return 0;
}

void bit_sieve_finish(struct bit_sieve *s)
{
    free(s->field);
    free(s->question);
    free(s->asked);
    free(s->hit);
    *s = (struct bit_sieve){.field = NULL};
}

void bit_sieve_clear(struct bit_sieve *s)
{
    memset(s->field, 0, ((size_t)1 << s->bits) / 8);
}

/* Brings a bin's part of the field into the cache. By reading, because the processor drops a burst of prefetches. */
static void bring(const uint64_t *part, uint32_t words)
{
    uint64_t sum = 0;

    for (uint32_t word = 0; word < words; word += 8)
        sum += part[word];
    __asm__ volatile("" ::"r"(sum));
}

/* Hits are collected first and their bits set afterwards, so that no load in the loop waits for a store. */
static void answer(struct bit_sieve *s, uint32_t bin, uint64_t *perhaps)
{
    const uint64_t *part = s->field + ((size_t)bin << s->bin_bits) / 64;
    const uint64_t *question = s->question + (size_t)bin * s->bin_room;
    uint32_t hits = 0;

    bring(part, 1u << s->bin_bits >> 6);
    for (uint32_t q = 0; q < s->asked[bin]; q++) {
        uint32_t at = (uint32_t)(question[q] >> ASK_BITS);
        s->hit[hits] = (uint32_t)question[q] & (BIT_SIEVE_ASK_MAX - 1);
        hits += part[at / 64] >> (at % 64) & 1;
    }
    for (uint32_t h = 0; h < hits; h++)
        perhaps[s->hit[h] / 64] |= 1ull << (s->hit[h] % 64);
    s->asked[bin] = 0;
}

void bit_sieve_ask(struct bit_sieve *s, const uint32_t *number, uint32_t n, uint64_t *perhaps)
{
    uint32_t part_mask = (uint32_t)((1ull << s->bin_bits) - 1);

    BIT_ASSERT(n <= BIT_SIEVE_ASK_MAX);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t at = bit_sieve_hash(number[k]) >> (32 - s->bits), bin = (uint32_t)((uint64_t)at >> s->bin_bits);
        s->question[(size_t)bin * s->bin_room + s->asked[bin]] = (uint64_t)(at & part_mask) << ASK_BITS | k;
        if (++s->asked[bin] == s->bin_room)
            answer(s, bin, perhaps);
    }
    for (uint32_t bin = 0; bin < bins(s); bin++)
        answer(s, bin, perhaps);
}
