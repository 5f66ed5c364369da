#include "proto/trace.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/check.h"
#include "proto/err.h"

#define NONE        UINT32_MAX
#define FILTER_BITS 4 /* more than the table's: one place in sixteen is a false alarm at most */
#define HUGE        (2u << 20)
#define CHUNK       1024 /* swaps looked up together, so that their cache misses overlap */

static uint32_t hash(uint32_t place)
{
    return place * 0x9e3779b1u; /* Fibonacci hashing: the high bits are the good ones */
}

static uint32_t slot_of(const struct bit_trace *t, uint32_t place)
{
    return hash(place) >> (32 - t->bits);
}

static uint32_t next_slot(const struct bit_trace *t, uint32_t slot)
{
    return (slot + 1) & ((1u << t->bits) - 1);
}

static size_t filter_bytes(const struct bit_trace *t)
{
    return (size_t)1 << (t->bits + FILTER_BITS - 3);
}

static uint64_t *mark_of(const struct bit_trace *t, uint32_t place, unsigned *bit)
{
    uint32_t h = hash(place) >> (32 - t->bits - FILTER_BITS);
    *bit = h % 64;
    return &t->filter[h / 64];
}

static void mark(struct bit_trace *t, uint32_t place)
{
    unsigned bit;
    uint64_t *word = mark_of(t, place, &bit);
    *word |= 1ull << bit;
    t->marked++;
}

static bool is_marked(const struct bit_trace *t, uint32_t place)
{
    unsigned bit;
    const uint64_t *word = mark_of(t, place, &bit);
    return *word >> bit & 1;
}

/* Without the marks of places that were left. */
static void mark_again(struct bit_trace *t)
{
    memset(t->filter, 0, filter_bytes(t));
    for (size_t slot = 0; slot < (size_t)1 << t->bits; slot++)
        if (t->table[slot].place != NONE)
            mark(t, t->table[slot].place);
    t->marked = 0;
}

static void put(struct bit_trace *t, uint32_t element, uint32_t place)
{
    uint32_t slot = slot_of(t, place);
    while (t->table[slot].place != NONE)
        slot = next_slot(t, slot);
    t->table[slot] = (struct bit_trace_slot){place, element};
    mark(t, place);
}

/* Take the element at a place, if there is one. What stands behind it moves up where its search would end too early. */
static uint32_t take(struct bit_trace *t, uint32_t place)
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

/* On huge pages where the system has them: every access misses the TLB otherwise. */
static void *allocate(size_t bytes)
{
    void *p;

    if (posix_memalign(&p, HUGE, (bytes + HUGE - 1) & ~(size_t)(HUGE - 1)) != 0)
        return NULL;
    madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

int bit_trace_init(struct bit_trace *t, uint32_t first, uint32_t count)
{
    BIT_ASSERT(count >= 1 && count <= 1u << 26);
    unsigned bits = 33 - (unsigned)__builtin_clz(count | 1);
    bits -= count > 1 && (count & (count - 1)) == 0;
    *t = (struct bit_trace){.first = first, .count = count, .bits = bits};
    t->table = allocate(sizeof *t->table << bits);
    t->filter = allocate(filter_bytes(t));
    if (t->table == NULL || t->filter == NULL) {
        bit_trace_finish(t);
        return bit_fail(-ENOMEM, "a trace of %u places", count);
    }
    memset(t->table, 0xff, sizeof *t->table << bits);
    memset(t->filter, 0, filter_bytes(t));
    for (uint32_t e = 0; e < count; e++)
        put(t, e, first + e);
    t->marked = 0;
    return 0;
}

void bit_trace_finish(struct bit_trace *t)
{
    free(t->table);
    free(t->filter);
    t->table = NULL;
    t->filter = NULL;
}

/* Element i is one of the wanted places still. */
static void follow_inside(struct bit_trace *t, uint32_t i, uint32_t j)
{
    if (i == j)
        return;
    uint32_t a = take(t, i), b = take(t, j);
    if (a != NONE)
        put(t, a, j);
    if (b != NONE)
        put(t, b, i);
}

/* Beyond the wanted places nothing was put at i before: only what is at j may move there. A place that is entered in
 * this chunk lies in it, so the filter may be asked for the whole chunk before. */
static void follow_chunk(struct bit_trace *t, uint32_t low, unsigned n, const uint32_t *swap)
{
    uint16_t due[CHUNK];
    unsigned count = 0;

    for (unsigned k = 0; k < n; k++) {
        due[count] = (uint16_t)k;
        count += is_marked(t, swap[k]) | (swap[k] >= low);
    }
    for (unsigned d = 0; d < count; d++) {
        unsigned bit;
        __builtin_prefetch(&t->table[slot_of(t, swap[due[d]])]);
        __builtin_prefetch(&t->table[slot_of(t, low + due[d])], 1);
        __builtin_prefetch(mark_of(t, low + due[d], &bit), 1);
    }
    for (unsigned d = 0; d < count; d++) {
        uint32_t i = low + due[d], j = swap[due[d]];
        uint32_t moved = i == j ? NONE : take(t, j);
        if (moved != NONE)
            put(t, moved, i);
    }
}

void bit_trace_follow(struct bit_trace *t, uint32_t low, size_t n, const uint32_t *swap)
{
    size_t k = 0;

    for (; k < n && low + k - t->first < t->count; k++)
        follow_inside(t, low + (uint32_t)k, swap[k]);
    while (k < n) {
        unsigned chunk = (unsigned)BIT_MIN(n - k, (size_t)CHUNK);
        if (t->marked > t->count)
            mark_again(t);
        follow_chunk(t, low + (uint32_t)k, chunk, swap + k);
        k += chunk;
    }
}

void bit_trace_order(const struct bit_trace *t, uint32_t *order)
{
    for (size_t slot = 0; slot < (size_t)1 << t->bits; slot++)
        if (t->table[slot].place != NONE)
            order[t->table[slot].element] = t->table[slot].place;
}
