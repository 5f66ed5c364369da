/* The sources of a launch's product algorithms, per card, for the ready message. */
#ifndef BIT_WORKER_PRODUCT_USE_H
#define BIT_WORKER_PRODUCT_USE_H

#include "proto/ckpt/product_set.h"
#include "worker/ranks/worker_state.h"

/* In the order in which they are consulted. */
struct bit_product_sources {
    const struct bit_product_set *checkpoint, *run, *state;
};

/**
 * Fill w->product_use from w->products and each rank's card (makers: comm->size), and *found with the products that no
 * source has. Warns if the checkpoint has tables but none for one of the cards.
 * Errors      -ENOMEM
 */
int bit_product_use_tell(struct bit_worker *w, const struct bit_product_maker *makers,
                         const struct bit_product_sources *from, struct bit_product_set *found);
/** Put rank 0's sources into the ready message; borrowed from w. */
void bit_product_use_fill(const struct bit_worker *w, Bit__WorkerReady *ready);

struct bit_product_count {
    uint32_t products;  /* of all cards */
    uint32_t not_first; /* of these, how many do not use the library's first proposal */
};
/** On rank 0. */
struct bit_product_count bit_product_use_count(const struct bit_worker *w);
void bit_product_use_finish(struct bit_worker *w);

#endif
