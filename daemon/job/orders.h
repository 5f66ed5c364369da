/* Messages to the worker: orders that are due, with tokens read on the thread pool. */
#ifndef BIT_DAEMON_ORDERS_H
#define BIT_DAEMON_ORDERS_H

#include <stdbool.h>
#include <stddef.h>

struct bit_job;

/** Send every order that may be sent. The job may have lost its link afterwards. */
void bit_orders_pump(struct bit_job *job);
/** Whether the worker waits for tokens; text says why. */
bool bit_orders_wait_for_data(const struct bit_job *job, char *text, size_t room);

#endif
