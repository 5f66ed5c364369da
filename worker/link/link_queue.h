/* The writing end of a link's queue, and the link's state. Only for the link's own files; link.h has the reading
 * end. */
#ifndef BIT_WORKER_LINK_QUEUE_H
#define BIT_WORKER_LINK_QUEUE_H

#include "worker/link/link.h"

enum bit_link_state bit_link_state(struct bit_link *link);
/** Change the link's state from UP to LOST or BROKEN, with this thread's note. The first reason is kept. */
void bit_link_set_down(struct bit_link *link, int err);

/** Append a whole order, waiting for room; if the link is not up any more, the order is dropped. order is an empty slot
 * afterwards. Called by the reading thread. */
void bit_link_queue_put(struct bit_link *link, struct bit_link_order *order);
/** Drop all orders. The reading thread has ended. */
void bit_link_queue_drop(struct bit_link *link);

#endif
