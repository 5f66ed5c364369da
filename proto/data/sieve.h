/*
 * A Bloom filter with one hash: a set of numbers whose membership test answers "no" or "perhaps", in bulk.
 *
 * There is one bit for each hash, in a field larger than the caches. Single tests would each miss the cache, so tests
 * are first sorted into bins by their hash; a bin's part of the field stays in the L2 cache while the whole bin is
 * tested.
 */
#ifndef BIT_PROTO_SIEVE_H
#define BIT_PROTO_SIEVE_H

#include <stdint.h>

#define BIT_SIEVE_ASK_MAX (1u << 20)

struct bit_sieve {
    uint64_t *field; /* 2^bits bits */
    unsigned bits, bin_bits;
    uint64_t *question; /* by bin: place in the bin's part of the field, and index k of the tested number */
    uint32_t *asked;    /* (bins): tests in each bin */
    uint32_t *hit;      /* (bin_room): indices of the tests that gave "perhaps" */
    uint32_t bin_room;
};

/** An empty set. Limits: 6 <= bits <= 31. Takes 2^bits / 8 bytes and 10 to 15 MiB. Errors: -ENOMEM. */
int bit_sieve_init(struct bit_sieve *s, unsigned bits);
void bit_sieve_finish(struct bit_sieve *s);
void bit_sieve_clear(struct bit_sieve *s);

/* A multiplicative hash; only its high bits are well mixed. */
static inline uint32_t bit_sieve_hash(uint32_t number)
{
    return number * 0x9e3779b1u;
}

static inline uint64_t *bit_sieve_word(const struct bit_sieve *s, uint32_t number)
{
    return &s->field[bit_sieve_hash(number) >> (32 - s->bits) >> 6];
}

static inline void bit_sieve_add(struct bit_sieve *s, uint32_t number)
{
    *bit_sieve_word(s, number) |= 1ull << (bit_sieve_hash(number) >> (32 - s->bits) & 63);
}

/**
 * Set bit k of `perhaps` if number[k] may have been added; the other bits are not changed.
 * Shapes      number (n), perhaps ((n + 63) / 64)        Limits      n <= BIT_SIEVE_ASK_MAX
 */
void bit_sieve_ask(struct bit_sieve *s, const uint32_t *number, uint32_t n, uint64_t *perhaps);

#endif
