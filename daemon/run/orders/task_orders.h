/*
 * How the evaluation of tasks is cut into orders of a few documents each, so that a pause takes effect soon and scores
 * are journalled as they come. Pure: computed from the specification, which has each task's number of documents from
 * bitd.
 */
#ifndef BIT_DAEMON_TASK_ORDERS_H
#define BIT_DAEMON_TASK_ORDERS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

#define BIT_TASK_ORDER_DOCUMENTS 256

/* Documents `first` to `first` + `count` - 1 of task `task`. */
struct bit_task_order {
    size_t task;
    uint64_t first, count;
};

/** The number of orders that evaluate every task in one precision. */
uint64_t bit_task_orders(const Bit__EvalSpec *eval);
/** The i-th of them, task after task; i < bit_task_orders. */
struct bit_task_order bit_task_orders_find(const Bit__EvalSpec *eval, uint64_t i);

#endif
