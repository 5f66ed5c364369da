#include "daemon/run/orders/order_sequence.h"

#include "daemon/run/orders/eval_precisions.h"
#include "proto/check.h"
#include "proto/spec/spec.h"

#define PARTS_AHEAD 4 /* parts of tasks ordered but not reported: the worker never waits for the next one's tokens */

/* How many evaluations of a boundary the journal holds; UINT64_MAX if it holds one of a later boundary. */
static uint64_t evaluated_before(const struct bit_run *run, uint64_t step)
{
    if (!run->eval.known || run->eval.step < step)
        return 0;
    return run->eval.step == step ? run->eval.count : UINT64_MAX;
}

void bit_order_sequence_init(struct bit_order_sequence *c, const struct bit_run *run, uint64_t step,
                             Bit__Precision precision)
{
    bool durable = bit_run_checkpoint_at(run, step) != NULL;

    *c = (struct bit_order_sequence){
        .sent = step,
        .precision = precision,
        .evaluated = evaluated_before(run, step),
        .checkpoint_ordered = durable,
        .checkpoint_done = durable,
    };
}

static bool switch_here(const struct bit_order_sequence *c, const struct bit_run *run)
{
    return run->plan.planned && run->plan.at_step == c->sent && c->precision == BIT__PRECISION__SIXTEEN_BIT &&
           c->sent < run->spec->schedule->steps;
}

/* The worker has switched at this boundary. Its checkpoint is of the phase before; another would take its name. */
static bool switched_here(const struct bit_order_sequence *c, const struct bit_run *run)
{
    return run->plan.planned && run->plan.at_step == c->sent && c->precision == BIT__PRECISION__TERNARY;
}

static struct bit_eval_precisions precisions(const struct bit_order_sequence *c, const struct bit_run *run)
{
    return bit_eval_precisions(run->spec->eval, c->precision);
}

/* Without steps the whole run is one boundary, and complete when everything is evaluated. */
static bool is_complete(const struct bit_order_sequence *c, const struct bit_run *run)
{
    const Bit__EvalSpec *eval = run->spec->eval;

    if (!bit_spec_evaluates_only(run->spec))
        return c->sent >= run->spec->schedule->steps;
    return c->evaluated >=
           eval->n_set * bit_eval_forms(eval, c->precision) + bit_task_orders(eval) * precisions(c, run).count;
}

/* Why the run stops at this boundary; 0 if it goes on. */
static Bit__StopReason stop_here(const struct bit_order_sequence *c, const struct bit_run *run)
{
    if (is_complete(c, run))
        return BIT__STOP_REASON__COMPLETE;
    if (run->state == BIT__RUN_STATE__CANCELLING)
        return BIT__STOP_REASON__CANCEL;
    if (run->state == BIT__RUN_STATE__PAUSING)
        return BIT__STOP_REASON__PAUSE;
    return c->shutdown ? BIT__STOP_REASON__SHUTDOWN : 0;
}

static bool is_among(const uint64_t *at, size_t count, uint64_t step)
{
    for (size_t i = 0; i < count; i++)
        if (at[i] == step)
            return true;
    return false;
}

/* Whether anything is evaluated at this boundary, given why the run stops here. */
static bool may_evaluate(const struct bit_order_sequence *c, const struct bit_run *run, Bit__StopReason stop)
{
    if (bit_spec_evaluates_only(run->spec))
        return stop == 0 || stop == BIT__STOP_REASON__COMPLETE;
    return c->sent > 0 && stop != BIT__STOP_REASON__CANCEL;
}

bool bit_order_sequence_sets_at(const Bit__RunSpec *spec, uint64_t step)
{
    const Bit__EvalSpec *eval = spec->eval;
    bool every = eval->every > 0 && step % eval->every == 0;

    return bit_spec_evaluates_only(spec) || every || is_among(eval->at, eval->n_at, step);
}

/* Evaluations at the boundary where a fork begins are its parent's, except those that its origin names. Returns that
 * origin, or NULL at any other boundary. */
static const Bit__ForkOrigin *begins_here(const struct bit_order_sequence *c, const struct bit_run *run)
{
    const Bit__ForkOrigin *fork = run->fork;
    const bool from_step_1 = fork != NULL && fork->has_weights_only && fork->weights_only;

    return fork != NULL && !from_step_1 && fork->step == c->sent ? fork : NULL;
}

static uint64_t sets_due(const struct bit_order_sequence *c, const struct bit_run *run, Bit__StopReason stop)
{
    const Bit__RunSpec *spec = bit_run_spec_at(run, c->sent);
    const Bit__EvalSpec *eval = spec->eval;
    bool ever = eval->every > 0 || eval->n_at > 0;
    bool at_end = ever && stop == BIT__STOP_REASON__COMPLETE;
    const Bit__ForkOrigin *fork = begins_here(c, run);
    bool own = fork == NULL || (fork->has_evaluates_sets && fork->evaluates_sets);
    bool due = own && may_evaluate(c, run, stop) && (bit_order_sequence_sets_at(spec, c->sent) || at_end);

    return due ? eval->n_set * bit_eval_forms(eval, c->precision) : 0;
}

bool bit_order_sequence_tasks_at(const Bit__RunSpec *spec, uint64_t step)
{
    const Bit__EvalSpec *eval = spec->eval;
    bool every = eval->tasks_every > 0 && step % eval->tasks_every == 0;

    return bit_spec_evaluates_only(spec) || every || is_among(eval->tasks_at, eval->n_tasks_at, step);
}

/* When a run is paused, the rest of its tasks waits until it goes on: they take minutes. */
static uint64_t parts_due(const struct bit_order_sequence *c, const struct bit_run *run, Bit__StopReason stop)
{
    const Bit__EvalSpec *eval = run->spec->eval;
    bool later = stop == BIT__STOP_REASON__PAUSE || stop == BIT__STOP_REASON__SHUTDOWN;
    bool at_end = stop == BIT__STOP_REASON__COMPLETE;
    const Bit__ForkOrigin *fork = begins_here(c, run);
    bool own = fork == NULL || (fork->has_evaluates_tasks && fork->evaluates_tasks);
    bool due = own && may_evaluate(c, run, stop) && !later &&
               (bit_order_sequence_tasks_at(bit_run_spec_at(run, c->sent), c->sent) || at_end);

    return due ? bit_task_orders(eval) * precisions(c, run).count : 0;
}

/* Each set in all forms, then the next set. */
static struct bit_order evaluate_set(const struct bit_order_sequence *c, const struct bit_run *run, uint64_t i)
{
    const Bit__EvalSpec *eval = run->spec->eval;
    const unsigned forms = bit_eval_forms(eval, c->precision);
    const struct bit_eval_form form = bit_eval_form(eval, c->precision, (unsigned)(i % forms));

    return (struct bit_order){
        .kind = BIT_ORDER_EVALUATE,
        .step = c->sent,
        .set = (size_t)(i / forms),
        .precision = form.precision,
        .ternary_part = form.part,
    };
}

/* All tasks in one precision, then in the other, because the codes are made anew for each precision. */
static struct bit_order score_part(const struct bit_order_sequence *c, const struct bit_run *run, uint64_t i)
{
    const uint64_t each = bit_task_orders(run->spec->eval);

    return (struct bit_order){
        .kind = BIT_ORDER_SCORE,
        .step = c->sent,
        .part_index = i % each,
        .part = bit_task_orders_find(run->spec->eval, i % each),
        .precision = precisions(c, run).list[i / each],
    };
}

/* All parts in flight are scored before a pause takes effect; the worker keeps them until they are reported. */
static bool is_ahead(const struct bit_order_sequence *c, const struct bit_run *run)
{
    return c->evaluated >= evaluated_before(run, c->sent) + PARTS_AHEAD;
}

static bool checkpoint_due(const struct bit_order_sequence *c, const struct bit_run *run, Bit__StopReason stop)
{
    const Bit__CheckpointSpec *spec = bit_run_spec_at(run, c->sent)->checkpoint;
    const uint64_t every = spec->every;

    if (c->sent == 0)
        return false;
    return stop != 0 || is_among(spec->at, spec->n_at, c->sent) || switch_here(c, run) ||
           (every > 0 && c->sent % every == 0) || bit_run_asked_at(run, c->sent) || run->checkpoints.failures >= 2;
}

/*
 * Whether the next order must wait until the checkpoint is durable. A switch goes on while its own checkpoint is
 * written: the worker writes from a copy, and after a crash the run comes to the switch again from the checkpoint
 * before. Only if the last checkpoint failed does the switch wait, so that there is one to go back to.
 */
static bool must_wait_for_checkpoint(const struct bit_order_sequence *c, const struct bit_run *run,
                                     Bit__StopReason stop)
{
    return stop != 0 || run->checkpoints.failures >= (switch_here(c, run) ? 1 : 2);
}

struct bit_order bit_order_sequence_next(const struct bit_order_sequence *c, const struct bit_run *run,
                                         unsigned lookahead)
{
    const struct bit_order none = {.kind = BIT_ORDER_NONE};

    if (c->stopped)
        return none;
    Bit__StopReason stop = stop_here(c, run);
    if (stop == 0 && c->sent >= run->step + lookahead)
        return none;
    const uint64_t sets = sets_due(c, run, stop);
    if (c->evaluated < sets)
        return evaluate_set(c, run, c->evaluated);
    bool checkpoint = checkpoint_due(c, run, stop) && (c->checkpoint_ordered || !switched_here(c, run));
    if (checkpoint && !c->checkpoint_ordered)
        return (struct bit_order){.kind = BIT_ORDER_CHECKPOINT, .step = c->sent, .pre_switch = switch_here(c, run)};
    if (c->evaluated < sets + parts_due(c, run, stop))
        return is_ahead(c, run) ? none : score_part(c, run, c->evaluated - sets);
    if (checkpoint && !c->checkpoint_done && must_wait_for_checkpoint(c, run, stop))
        return none;
    if (stop != 0)
        return (struct bit_order){.kind = BIT_ORDER_STOP, .step = c->sent, .reason = stop};
    if (switch_here(c, run))
        return (struct bit_order){.kind = BIT_ORDER_SWITCH, .step = c->sent};
    return (struct bit_order){.kind = BIT_ORDER_STEP, .step = c->sent + 1};
}

void bit_order_sequence_advance(struct bit_order_sequence *c, const struct bit_run *run, const struct bit_order *order)
{
    switch (order->kind) {
    case BIT_ORDER_NONE:
        break;
    case BIT_ORDER_EVALUATE:
    case BIT_ORDER_SCORE:
        c->evaluated++;
        break;
    case BIT_ORDER_CHECKPOINT:
        c->checkpoint_ordered = true;
        break;
    case BIT_ORDER_SWITCH:
        c->precision = BIT__PRECISION__TERNARY;
        break;
    case BIT_ORDER_STEP:
        BIT_ASSERT(order->step == c->sent + 1);
        c->sent = order->step;
        c->evaluated = evaluated_before(run, order->step);
        c->checkpoint_ordered = c->checkpoint_done = false;
        break;
    case BIT_ORDER_STOP:
        c->stopped = true;
        break;
    }
}

void bit_order_sequence_checkpointed(struct bit_order_sequence *c, uint64_t step, bool ok)
{
    if (step == c->sent && c->checkpoint_ordered)
        c->checkpoint_done = ok;
}

void bit_order_sequence_retry_checkpoint(struct bit_order_sequence *c)
{
    if (!c->checkpoint_done)
        c->checkpoint_ordered = false;
}

uint64_t bit_order_sequence_earliest_switch(const struct bit_order_sequence *c, const struct bit_run *run,
                                            uint64_t promised)
{
    return BIT_MAX(run->step_max, c ? c->sent : promised);
}

Bit__Precision bit_order_sequence_expected_precision(const struct bit_run *run, uint64_t step, bool *either)
{
    *either = run->plan.planned && step == run->plan.at_step; /* on either side of the switch */
    bool ternary = run->plan.planned && step > run->plan.at_step;
    return ternary ? BIT__PRECISION__TERNARY : BIT__PRECISION__SIXTEEN_BIT;
}
