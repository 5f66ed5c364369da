/* The reading half of a link: bytes to frames, frames to whole orders. Only link.c includes it. */
#ifndef BIT_WORKER_LINK_READ_H
#define BIT_WORKER_LINK_READ_H

#include "worker/link/link.h"

/** Returns 1 with a frame of this run's epoch, borrowed until the next call. Errors: BIT_EDAEMON at the end of the
 * stream, BIT_EFRAME, BIT_EEPOCH, BIT_ETIMEOUT while a welcome is waited for, -errno. */
int bit_link_read_frame(struct bit_link *link, struct bit_frame *frame);
/** The thread: puts orders with their payload into the queue while the link is up. arg is the link. */
void *bit_link_read_orders(void *arg);

#endif
