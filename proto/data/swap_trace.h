/*
 * Computes a part of a shuffle without the whole: which elements end at the places [first, first + count).
 *
 * A shuffle swaps element i with an element at or before it, for i from the last down to 1. The trace follows the swaps
 * backwards, from i = 1 up. It holds the present place of each wanted element, and a swap moves at most two of them.
 * Memory is proportional to the part, not to the shuffle.
 */
#ifndef BIT_PROTO_SWAP_TRACE_H
#define BIT_PROTO_SWAP_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/data/sieve.h"

struct bit_swap_trace {
    uint32_t first, count;
    /* Open addressing by place, at most half full: the wanted element that is at that place so far. */
    struct bit_swap_trace_slot {
        uint32_t place, element;
    } * table;
    struct bit_sieve sieve; /* all places in the table, and some that have left it */
    unsigned bits;          /* of a hash in the table */
    uint32_t marked;        /* places added to the sieve since it was last rebuilt */
    uint64_t *due;          /* a bit for each of BIT_SIEVE_ASK_MAX swaps */
};

/** Limits: 1 <= count <= 2^26. Takes 16 to 32 bytes an element for the table, 4 to 8 for the sieve, plus 15 MiB.
 * Errors: -ENOMEM. */
int bit_swap_trace_init(struct bit_swap_trace *t, uint32_t first, uint32_t count);
void bit_swap_trace_finish(struct bit_swap_trace *t);
/**
 * Follow the swaps of the elements low, low + 1, … low + n - 1 with swap[0 … n). Calls must continue each other without
 * a gap, starting at low = first (or 1): earlier swaps cannot touch the wanted places.
 */
void bit_swap_trace_follow(struct bit_swap_trace *t, uint32_t low, size_t n, const uint32_t *swap);
/** The elements at the wanted places, after all swaps have been followed. order is (count). */
void bit_swap_trace_order(const struct bit_swap_trace *t, uint32_t *order);

#endif
