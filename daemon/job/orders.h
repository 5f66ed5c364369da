/* Messages to the worker: orders that are due, with their tokens. */
#ifndef BIT_DAEMON_ORDERS_H
#define BIT_DAEMON_ORDERS_H

struct bit_job;

/** Send every order that may be sent. The job may have lost its link afterwards. */
void bit_orders_pump(struct bit_job *job);

#endif
