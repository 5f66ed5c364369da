#include "daemon/job/orders.h"

#include "daemon/job/job.h"
#include "daemon/job/order_tokens.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("orders");

#define QUEUED_BYTES_MAX (16u << 20) /* tokens that the worker has not read yet; one more batch may be added */

static int send_step(struct bit_job *job, const struct bit_order *order, struct bit_payload *payload)
{
    const struct bit_run *run = &job->runner->run;
    struct bit_step_plan plan;

    bit_schedule_at(bit_run_spec_at(run, order->step), &run->plan, order->step, &plan);
    BIT_ASSERT(plan.precision == job->sequence.precision);
    Bit__StepOrder m = BIT__STEP_ORDER__INIT;
    m.step = order->step;
    m.precision = plan.precision;
    m.strength = plan.strength;
    m.lr = plan.lr;
    m.weight_decay = plan.weight_decay;
    m.instances = run->spec->batch->instances;
    m.token_bytes = payload->size;
    m.token_crc = payload->crc;
    bit_guard_order(run, &m);
    return bit_worker_link_send(job->link, BIT_MSG_STEP_ORDER, &m, payload);
}

static int send_evaluate(struct bit_job *job, const struct bit_order *order, struct bit_payload *payload)
{
    const struct bit_run *run = &job->runner->run;
    Bit__EvaluateOrder m = BIT__EVALUATE_ORDER__INIT;

    m.after_step = order->step;
    m.set = run->spec->eval->set[order->set]->name;
    m.precision = order->precision;
    m.has_part = order->ternary_part != 0;
    m.part = (Bit__TernaryPart)order->ternary_part;
    m.instances = bit_feed_eval_instances(job->feed, order->set);
    m.token_bytes = payload->size;
    m.token_crc = payload->crc;
    return bit_worker_link_send(job->link, BIT_MSG_EVALUATE_ORDER, &m, payload);
}

/* The report returns the tag: the index of the part in its precision. */
static int send_score(struct bit_job *job, const struct bit_order *order, struct bit_payload *payload)
{
    Bit__ScoreOrder m = BIT__SCORE_ORDER__INIT;

    m.after_step = order->step;
    m.precision = order->precision;
    m.tag = order->part_index;
    m.n_tokens = m.n_continuation = job->requests.count;
    m.tokens = job->requests.tokens;
    m.continuation = job->requests.continuation;
    m.token_bytes = payload->size;
    m.token_crc = payload->crc;
    int err = bit_worker_link_send(job->link, BIT_MSG_SCORE_ORDER, &m, payload);
    bit_task_requests_finish(&job->requests);
    return err;
}

static int send_switch(struct bit_job *job, const struct bit_order *order)
{
    const struct bit_run *run = &job->runner->run;
    struct bit_step_plan plan;

    bit_schedule_at(bit_run_spec_at(run, order->step + 1), &run->plan, order->step + 1, &plan);
    BIT_ASSERT(plan.precision == BIT__PRECISION__TERNARY);
    Bit__PhaseSwitch m = BIT__PHASE_SWITCH__INIT;
    m.after_step = order->step;
    m.precision = plan.precision;
    m.optimizer = run->plan.optimizer;
    m.beta1 = plan.beta1;
    m.beta2 = plan.beta2;
    bit_info("switch ordered", "run=%s after=%llu", run->id, (unsigned long long)order->step);
    return bit_worker_link_send(job->link, BIT_MSG_PHASE_SWITCH, &m, NULL);
}

/* The strength in the step before the boundary. */
static double strength_at(const struct bit_job *job, uint64_t step)
{
    const struct bit_run *run = &job->runner->run;
    struct bit_step_plan plan;

    if (job->sequence.precision != BIT__PRECISION__TERNARY || step == 0)
        return 0;
    bit_schedule_at(run->spec, &run->plan, step, &plan);
    return plan.precision == BIT__PRECISION__TERNARY ? plan.strength : 0;
}

static int send_checkpoint(struct bit_job *job, const struct bit_order *order)
{
    char name[32];

    bit_checkpoint_name(order->step, name);
    Bit__CheckpointOrder m = BIT__CHECKPOINT_ORDER__INIT;
    m.after_step = order->step;
    m.name = name;
    m.has_pre_switch = order->pre_switch;
    m.pre_switch = order->pre_switch;
    m.has_strength = m.has_next_batch = true;
    m.strength = strength_at(job, order->step);
    m.next_batch = bit_run_position(&job->runner->run, order->step + 1);
    return bit_worker_link_send(job->link, BIT_MSG_CHECKPOINT_ORDER, &m, NULL);
}

static int send_stop(struct bit_job *job, const struct bit_order *order)
{
    Bit__StopOrder m = BIT__STOP_ORDER__INIT;

    m.reason = job->stop_reason = order->reason;
    return bit_worker_link_send(job->link, BIT_MSG_STOP_ORDER, &m, NULL);
}

static int send_order(struct bit_job *job, const struct bit_order *order, struct bit_payload *payload)
{
    switch (order->kind) {
    case BIT_ORDER_STEP:
        return send_step(job, order, payload);
    case BIT_ORDER_EVALUATE:
        return send_evaluate(job, order, payload);
    case BIT_ORDER_SCORE:
        return send_score(job, order, payload);
    case BIT_ORDER_SWITCH:
        return send_switch(job, order);
    case BIT_ORDER_CHECKPOINT:
        return send_checkpoint(job, order);
    default:
        return send_stop(job, order);
    }
}

static bool needs_payload(const struct bit_order *order)
{
    return order->kind == BIT_ORDER_STEP || order->kind == BIT_ORDER_EVALUATE || order->kind == BIT_ORDER_SCORE;
}

static bool may_send(const struct bit_job *job)
{
    return job->phase == BIT_JOB_TRAINING && job->ready && !job->done && job->link != NULL && !job->loading &&
           !bit_runner_is_blocked(job->runner) && bit_worker_link_queued(job->link) < QUEUED_BYTES_MAX;
}

void bit_orders_pump(struct bit_job *job)
{
    while (may_send(job)) {
        const struct bit_run *run = &job->runner->run;
        unsigned lookahead = bit_guard_lookahead(run, job->runner->env->config->lookahead);
        struct bit_order order = bit_order_sequence_next(&job->sequence, run, lookahead);
        struct bit_payload *payload = NULL;
        if (order.kind == BIT_ORDER_NONE)
            return;
        if (needs_payload(&order) && (payload = bit_order_tokens_take(job, &order, bit_orders_pump)) == NULL)
            return;
        int err = send_order(job, &order, payload);
        if (err < 0) { /* the link is closed */
            bit_job_lost_link(job, err);
            return;
        }
        bit_order_sequence_advance(&job->sequence, run, &order);
        if (order.kind != BIT_ORDER_STEP)
            bit_watch_ordered(&job->watch, order.step);
        if (job->outstanding++ == 0)
            bit_job_expect(job);
    }
}
