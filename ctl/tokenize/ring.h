/*
 * A ring of slots that pass blocks of lines from one reader through many workers to one writer:
 *
 *     bit_ring_room -> read a block -> bit_ring_filled      one reader; then bit_ring_end
 *     bit_ring_take -> encode it    -> bit_ring_done        workers, any order
 *     bit_ring_next -> write it     -> bit_ring_free        one writer, in the order of reading
 *
 * A call waits until it has a slot. The first failure anywhere (bit_ring_fail) makes every waiting call return NULL.
 */
#ifndef BIT_CTL_RING_H
#define BIT_CTL_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/tokenize/encode_block.h"

struct bit_ring;

struct bit_ring_slot {
    bool done;            /* private to the ring */
    size_t file;          /* index in the inputs */
    uint64_t input_bytes; /* of all files so far, when this block was read */
    struct bit_line_block block;
    struct bit_encoded encoded;
};

/** -ENOMEM. */
int bit_ring_create(size_t slots, struct bit_ring **out);
void bit_ring_destroy(struct bit_ring *ring);

/** A slot to read into; NULL after a failure. Called again without bit_ring_filled, it returns the same slot. */
struct bit_ring_slot *bit_ring_room(struct bit_ring *ring);
void bit_ring_filled(struct bit_ring *ring);
/** No more blocks will be filled. */
void bit_ring_end(struct bit_ring *ring);

struct bit_ring_slot *bit_ring_take(struct bit_ring *ring);
void bit_ring_done(struct bit_ring *ring, struct bit_ring_slot *slot);

struct bit_ring_slot *bit_ring_next(struct bit_ring *ring);
void bit_ring_free(struct bit_ring *ring, struct bit_ring_slot *slot);

/** End all work with the error that this thread has just noted by bit_fail; of several failures the first counts. */
void bit_ring_fail(struct bit_ring *ring, int err);
/** 0, or that error, noted again in the calling thread. Call it only after all other threads have ended. */
int bit_ring_result(const struct bit_ring *ring);

#endif
