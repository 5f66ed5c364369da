#include "proto/data/swap_trace.h"

#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/huge_pages.h"

#define NONE       UINT32_MAX
#define SIEVE_BITS 4    /* in addition to the table's bits: at most one place in sixteen is a false positive */
#define CHUNK      1024 /* swaps looked up together, so that their cache misses overlap */

static uint32_t slot_of(const struct bit_swap_trace *t, uint32_t place)
{
    return bit_sieve_hash(place) >> (32 - t->bits);
}

static uint32_t next_slot(const struct bit_swap_trace *t, uint32_t slot)
{
    return (slot + 1) & ((1u << t->bits) - 1);
}

static void mark(struct bit_swap_trace *t, uint32_t place)
{
    bit_sieve_add(&t->sieve, place);
    t->marked++;
}

/* Rebuilds the sieve without the places that elements have left. */
static void mark_again(struct bit_swap_trace *t)
{
    bit_sieve_clear(&t->sieve);
    for (size_t slot = 0; slot < (size_t)1 << t->bits; slot++)
        if (t->table[slot].place != NONE)
            mark(t, t->table[slot].place);
    t->marked = 0;
}

static void put(struct bit_swap_trace *t, uint32_t element, uint32_t place)
{
    uint32_t slot = slot_of(t, place);

    while (t->table[slot].place != NONE)
        slot = next_slot(t, slot);
    t->table[slot] = (struct bit_swap_trace_slot){place, element};
    mark(t, place);
}

/* Removes and returns the element at a place, or NONE. Later slots move up if their search would stop at the hole. */
static uint32_t take(struct bit_swap_trace *t, uint32_t place)
{
    uint32_t hole = slot_of(t, place), mask = (1u << t->bits) - 1;

    while (t->table[hole].place != place) {
        if (t->table[hole].place == NONE)
            return NONE;
        hole = next_slot(t, hole);
    }
    uint32_t element = t->table[hole].element;
    for (uint32_t slot = next_slot(t, hole); t->table[slot].place != NONE; slot = next_slot(t, slot)) {
        uint32_t home = slot_of(t, t->table[slot].place);
        if (((slot - home) & mask) < ((slot - hole) & mask))
            continue;
        t->table[hole] = t->table[slot];
        hole = slot;
    }
    t->table[hole].place = NONE;
    return element;
}

int bit_swap_trace_init(struct bit_swap_trace *t, uint32_t first, uint32_t count)
{
    BIT_ASSERT(count >= 1 && count <= 1u << 26);
    unsigned bits = 33 - (unsigned)__builtin_clz(count | 1);
    bits -= count > 1 && (count & (count - 1)) == 0;
    *t = (struct bit_swap_trace){.first = first, .count = count, .bits = bits};
    t->table = bit_huge_pages_alloc(sizeof *t->table << bits);
    t->due = malloc(BIT_SIEVE_ASK_MAX / 8);
    int err = t->table == NULL || t->due == NULL ? bit_fail(-ENOMEM, "a trace of %u places", count)
                                                 : bit_sieve_init(&t->sieve, bits + SIEVE_BITS);
    if (err < 0) {
        bit_swap_trace_finish(t);
        return err;
    }
    memset(t->table, 0xff, sizeof *t->table << bits);
    for (uint32_t e = 0; e < count; e++)
        put(t, e, first + e);
    t->marked = 0;
    return 0;
}

void bit_swap_trace_finish(struct bit_swap_trace *t)
{
    free(t->table);
    free(t->due);
    t->table = NULL;
    t->due = NULL;
    bit_sieve_finish(&t->sieve);
}

/* Follows the swap of i, which is one of the wanted places, with j. */
static void follow_inside(struct bit_swap_trace *t, uint32_t i, uint32_t j)
{
    if (i == j)
        return;
    uint32_t a = take(t, i), b = take(t, j);
    if (a != NONE)
        put(t, a, j);
    if (b != NONE)
        put(t, b, i);
}

/* The swaps that may move a wanted element: those with a place that is in the sieve, or that this block may fill. */
static void find_due(struct bit_swap_trace *t, uint32_t low, uint32_t n, const uint32_t *swap, uint64_t *due)
{
    for (uint32_t k = 0; k < n; k += 64) {
        uint64_t inside = 0;
        for (uint32_t b = 0; b < BIT_MIN(n - k, 64u); b++)
            inside |= (uint64_t)(swap[k + b] >= low) << b;
        due[k / 64] = inside;
    }
    bit_sieve_ask(&t->sieve, swap, n, due);
}

static void follow_due(struct bit_swap_trace *t, uint32_t low, const uint32_t *due, unsigned count,
                       const uint32_t *swap)
{
    for (unsigned d = 0; d < count; d++) {
        __builtin_prefetch(&t->table[slot_of(t, swap[due[d]])]);
        __builtin_prefetch(&t->table[slot_of(t, low + due[d])], 1);
        __builtin_prefetch(bit_sieve_word(&t->sieve, low + due[d]), 1);
    }
    for (unsigned d = 0; d < count; d++) {
        uint32_t i = low + due[d], j = swap[due[d]];
        uint32_t moved = i == j ? NONE : take(t, j);
        if (moved != NONE)
            put(t, moved, i);
    }
}

/* For i beyond the wanted places: nothing is at i yet, so only the element at j can move there. */
static void follow_block(struct bit_swap_trace *t, uint32_t low, uint32_t n, const uint32_t *swap)
{
    uint32_t due[CHUNK];
    unsigned count = 0;

    if (t->marked > t->count)
        mark_again(t);
    find_due(t, low, n, swap, t->due);
    for (uint32_t word = 0; word < (n + 63) / 64; word++) {
        for (uint64_t left = t->due[word]; left != 0; left &= left - 1)
            due[count++] = word * 64 + (uint32_t)__builtin_ctzll(left);
        if (count > CHUNK - 64 || word == (n - 1) / 64) {
            follow_due(t, low, due, count, swap);
            count = 0;
        }
    }
}

void bit_swap_trace_follow(struct bit_swap_trace *t, uint32_t low, size_t n, const uint32_t *swap)
{
    size_t k = 0;

    for (; k < n && low + k - t->first < t->count; k++)
        follow_inside(t, low + (uint32_t)k, swap[k]);
    while (k < n) {
        uint32_t block = (uint32_t)BIT_MIN(n - k, (size_t)BIT_SIEVE_ASK_MAX);
        follow_block(t, low + (uint32_t)k, block, swap + k);
        k += block;
    }
}

void bit_swap_trace_order(const struct bit_swap_trace *t, uint32_t *order)
{
    for (size_t slot = 0; slot < (size_t)1 << t->bits; slot++)
        if (t->table[slot].place != NONE)
            order[t->table[slot].element] = t->table[slot].place;
}
