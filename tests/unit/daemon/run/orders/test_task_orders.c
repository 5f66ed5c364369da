/* How the documents of tasks are divided among orders. */
#include "daemon/run/orders/task_orders.h"

#include "tests/test.h"

TEST(parts_of_tasks_cover_every_document_once)
{
    Bit__TaskSpec task[] = {BIT__TASK_SPEC__INIT, BIT__TASK_SPEC__INIT, BIT__TASK_SPEC__INIT};
    Bit__TaskSpec *const list[] = {&task[0], &task[1], &task[2]};
    Bit__EvalSpec eval = BIT__EVAL_SPEC__INIT;
    uint64_t seen[3] = {0};

    eval.task = (Bit__TaskSpec **)(uintptr_t)list;
    eval.n_task = 3;
    task[0].documents = 1;
    task[1].documents = 3 * BIT_TASK_ORDER_DOCUMENTS;
    task[2].documents = BIT_TASK_ORDER_DOCUMENTS + 7;
    EXPECT_EQ(bit_task_orders(&eval), 1 + 3 + 2);
    for (uint64_t i = 0; i < bit_task_orders(&eval); i++) {
        const struct bit_task_order part = bit_task_orders_find(&eval, i);
        EXPECT_EQ(part.first, seen[part.task]);
        EXPECT(part.count > 0 && part.count <= BIT_TASK_ORDER_DOCUMENTS);
        seen[part.task] += part.count;
    }
    for (size_t i = 0; i < 3; i++)
        EXPECT_EQ(seen[i], task[i].documents);
}

TEST_MAIN
