/* The reading half of a link: bytes to frames, frames to whole orders. link.c's own; nobody else includes it. */
#ifndef BIT_WORKER_LINK_READ_H
#define BIT_WORKER_LINK_READ_H

#include "worker/link/link.h"

/** 1 with a frame of this run's epoch, borrowed until the next call. Errors: BIT_EDAEMON at the end, BIT_EFRAME,
 * BIT_EEPOCH, BIT_ETIMEOUT while a welcome is waited for, -errno. */
int bit_link_read_frame(struct bit_link *link, struct bit_frame *frame);
/** The thread: puts orders with their payload into the queue until the link is not up any more. arg is the link. */
void *bit_link_read_orders(void *arg);

#endif
