#include "daemon/run/orders/task_progress.h"

#include "daemon/run/orders/eval_precisions.h"
#include "daemon/run/orders/task_orders.h"
#include "proto/check.h"

/* 0 if the number of a task's items is unknown. */
static uint64_t count_items(const Bit__EvalSpec *eval)
{
    uint64_t items = 0;

    for (size_t i = 0; i < eval->n_task; i++) {
        if (!eval->task[i]->has_items)
            return 0;
        items += eval->task[i]->items;
    }
    return items;
}

static struct bit_eval_precisions precisions_of(const struct bit_run *run)
{
    bool ternary = run->switched && run->eval.step > run->switched_after;

    return bit_eval_precisions(run->spec->eval, ternary ? BIT__PRECISION__TERNARY : BIT__PRECISION__SIXTEEN_BIT);
}

bool bit_task_progress(const struct bit_run *run, Bit__TaskProgress *out)
{
    const Bit__EvalSpec *eval = run->spec->eval;
    const struct bit_task_results *tasks = &run->eval.tasks;
    const struct bit_eval_precisions precisions = precisions_of(run);
    const uint64_t orders = bit_task_orders(eval), items = count_items(eval), parts = run->eval.parts;

    if (bit_run_ended(run) || !run->eval.known || run->eval.step != run->step || !tasks->evaluation.begun ||
        items == 0 || parts == 0 || parts >= orders * precisions.count)
        return false;
    const Bit__TaskSpec *task = eval->task[bit_task_orders_find(eval, parts % orders).task];
    bit__task_progress__init(out);
    out->after_step = run->eval.step;
    out->task = task->name;
    out->precision = precisions.list[parts / orders];
    out->items = tasks->task_items;
    out->of_items = task->items;
    out->all_items = tasks->evaluation.items;
    out->of_all_items = items * precisions.count;
    out->has_eta_s = run->state == BIT__RUN_STATE__TRAINING && out->all_items > 0;
    if (out->has_eta_s)
        out->eta_s = tasks->evaluation.ms / 1000 / (double)out->all_items *
                     (double)(out->of_all_items - BIT_MIN(out->all_items, out->of_all_items));
    return true;
}
