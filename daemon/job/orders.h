/* What goes to the worker: orders that are due, with tokens read on the thread pool. */
#ifndef BIT_DAEMON_ORDERS_H
#define BIT_DAEMON_ORDERS_H

#include <stdbool.h>
#include <stddef.h>

struct bit_job;

/** Send what may be sent. The job may have lost its link after it. */
void bit_orders_pump(struct bit_job *job);
/** The worker waits for tokens: why, into text. false if it does not. */
bool bit_orders_wait_for_data(const struct bit_job *job, char *text, size_t room);

#endif
