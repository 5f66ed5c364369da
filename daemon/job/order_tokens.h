/* The tokens of a job's next order, read on the thread pool. A read that fails is repeated for `read_patience`. */
#ifndef BIT_DAEMON_ORDER_TOKENS_H
#define BIT_DAEMON_ORDER_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/run/orders/order_sequence.h"

struct bit_job;
struct bit_payload;

/**
 * The tokens of this order if they are read, which the caller owns then. Otherwise NULL: they are being read, and
 * `ready` is called when it is worth asking again.
 */
struct bit_payload *bit_order_tokens_take(struct bit_job *job, const struct bit_order *order,
                                          void (*ready)(struct bit_job *job));
/** Whether the worker waits for tokens; text says why. */
bool bit_order_tokens_wait(const struct bit_job *job, char *text, size_t room);

#endif
