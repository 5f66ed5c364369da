/*
 * How the evaluation of tasks is cut into orders: a few documents each, so that a pause comes soon and what was scored
 * is journalled as it comes. Pure: from the specification, in which bitd has put how many documents each task has.
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

/** Orders that evaluate every task in one precision. */
uint64_t bit_task_orders(const Bit__EvalSpec *eval);
/** The i-th of them, task after task; i < bit_task_orders. */
struct bit_task_order bit_task_orders_find(const Bit__EvalSpec *eval, uint64_t i);

#endif
