/*
 * The places that blocks of lines pass through, between one reader, many workers and one writer:
 *
 *     bit_ring_room -> read a block -> bit_ring_filled      one reader; then bit_ring_end
 *     bit_ring_take -> encode it    -> bit_ring_done        workers, any order
 *     bit_ring_next -> write it     -> bit_ring_free        one writer, in the order of reading
 *
 * Who is ahead waits. The first failure anywhere (bit_ring_fail) makes every waiting call return NULL.
 */
#ifndef BIT_CTL_RING_H
#define BIT_CTL_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/tokenize/encode_block.h"

struct bit_ring;

struct bit_ring_slot {
    bool done;            /* the ring's own */
    size_t file;          /* index in the inputs */
    uint64_t input_bytes; /* of all files, read when the block was complete */
    struct bit_line_block block;
    struct bit_encoded encoded;
};

/** -ENOMEM. */
int bit_ring_create(size_t slots, struct bit_ring **out);
void bit_ring_destroy(struct bit_ring *ring);

/** A slot to read into; NULL when it is over. Asked for again without bit_ring_filled, it is the same slot. */
struct bit_ring_slot *bit_ring_room(struct bit_ring *ring);
void bit_ring_filled(struct bit_ring *ring);
/** Nothing more will be filled. */
void bit_ring_end(struct bit_ring *ring);

struct bit_ring_slot *bit_ring_take(struct bit_ring *ring);
void bit_ring_done(struct bit_ring *ring, struct bit_ring_slot *slot);

struct bit_ring_slot *bit_ring_next(struct bit_ring *ring);
void bit_ring_free(struct bit_ring *ring, struct bit_ring_slot *slot);

/** Over, for the reason that this thread has just noted by bit_fail; of several the first counts. */
void bit_ring_fail(struct bit_ring *ring, int err);
/** 0, or that reason, noted again in the calling thread. Once no other thread uses the ring. */
int bit_ring_result(const struct bit_ring *ring);

#endif
