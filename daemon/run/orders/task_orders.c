#include "daemon/run/orders/task_orders.h"

#include "proto/check.h"

static uint64_t orders_of(const Bit__TaskSpec *task)
{
    return (task->documents + BIT_TASK_ORDER_DOCUMENTS - 1) / BIT_TASK_ORDER_DOCUMENTS;
}

uint64_t bit_task_orders(const Bit__EvalSpec *eval)
{
    uint64_t count = 0;

    for (size_t i = 0; i < eval->n_task; i++)
        count += orders_of(eval->task[i]);
    return count;
}

struct bit_task_order bit_task_orders_find(const Bit__EvalSpec *eval, uint64_t i)
{
    size_t task = 0;

    while (task < eval->n_task && i >= orders_of(eval->task[task]))
        i -= orders_of(eval->task[task++]);
    BIT_ASSERT(task < eval->n_task);
    const uint64_t first = i * BIT_TASK_ORDER_DOCUMENTS;
    return (struct bit_task_order){
        .task = task,
        .first = first,
        .count = BIT_MIN(eval->task[task]->documents - first, (uint64_t)BIT_TASK_ORDER_DOCUMENTS),
    };
}
