#include "worker/action.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/msg.h"
#include "worker/model/packs.h"

/* The name of a folder or a set: one path component, not hidden. */
static int copy_name(const char *what, const char *name, char out[BIT_NAME_MAX + 1])
{
    size_t length = strlen(name);

    if (length == 0 || length > BIT_NAME_MAX || name[0] == '.' || strchr(name, '/') != NULL)
        return bit_fail(BIT_EMESSAGE, "%s '%.64s'", what, name);
    memcpy(out, name, length + 1);
    return 0;
}

static int check_tokens(const struct bit_link_order *order, const struct bit_worker_plan *plan, uint32_t instances)
{
    uint64_t bytes = (uint64_t)instances * (uint64_t)(plan->context * plan->token_bytes);

    if (instances == 0 || instances > BIT_INSTANCES_MAX || bytes != order->payload_bytes)
        return bit_fail(BIT_EMESSAGE, "%s of %u instances of %" PRId64 " tokens with %zu bytes",
                        bit_msg_name(order->type), instances, plan->context, order->payload_bytes);
    return 0;
}

static int from_step(const struct bit_link_order *order, const struct bit_worker_plan *plan, struct bit_action *out)
{
    const Bit__StepOrder *step = (const Bit__StepOrder *)order->msg;

    if (step->instances != plan->instances)
        return bit_fail(BIT_EMESSAGE, "a step of %u instances, the batch has %" PRId64, step->instances,
                        plan->instances);
    if (!(step->strength > 0 && step->strength <= 1) || !(step->lr >= 0) || !(step->weight_decay >= 0))
        return bit_fail(BIT_EMESSAGE, "a step with strength %g, lr %g, weight decay %g", step->strength, step->lr,
                        step->weight_decay);
    if (step->precision == BIT__PRECISION__TERNARY && step->strength < 1 && !plan->blends)
        return bit_fail(BIT_EMESSAGE, "a step with strength %g, but the specification has no ramp", step->strength);
    out->kind = BIT_ACTION_STEP;
    out->step = step->step;
    out->precision = step->precision;
    out->strength = step->precision == BIT__PRECISION__TERNARY ? step->strength : 1;
    out->lr = step->lr;
    out->weight_decay = step->weight_decay;
    out->instances = step->instances;
    out->digest = step->digest;
    out->replica = step->replica;
    out->skip_nan = step->skip_nan;
    out->loss_most = step->has_loss_most ? step->loss_most : INFINITY;
    out->norm_most = step->has_norm_most ? step->norm_most : INFINITY;
    out->token_crc = step->token_crc;
    return check_tokens(order, plan, step->instances);
}

static int from_switch(const struct bit_link_order *order, struct bit_action *out)
{
    const Bit__PhaseSwitch *sw = (const Bit__PhaseSwitch *)order->msg;

    if (!(sw->beta1 >= 0 && sw->beta1 < 1 && sw->beta2 >= 0 && sw->beta2 < 1))
        return bit_fail(BIT_EMESSAGE, "a switch with betas %g and %g", sw->beta1, sw->beta2);
    out->kind = BIT_ACTION_SWITCH;
    out->step = sw->after_step;
    out->phase = (struct bit_phase_switch){
        .after_step = sw->after_step,
        .precision = sw->precision,
        .optimizer = sw->optimizer,
        .beta1 = sw->beta1,
        .beta2 = sw->beta2,
    };
    return 0;
}

static int from_checkpoint(const struct bit_link_order *order, struct bit_action *out)
{
    const Bit__CheckpointOrder *checkpoint = (const Bit__CheckpointOrder *)order->msg;

    if (!(checkpoint->strength >= 0 && checkpoint->strength <= 1))
        return bit_fail(BIT_EMESSAGE, "a checkpoint at strength %g", checkpoint->strength);
    out->kind = BIT_ACTION_CHECKPOINT;
    out->step = checkpoint->after_step;
    out->pre_switch = checkpoint->pre_switch;
    out->strength = checkpoint->strength;
    out->next_batch = checkpoint->next_batch;
    return copy_name("a checkpoint named", checkpoint->name, out->name);
}

static int from_evaluate(const struct bit_link_order *order, const struct bit_worker_plan *plan, struct bit_action *out)
{
    const Bit__EvaluateOrder *evaluate = (const Bit__EvaluateOrder *)order->msg;
    int err = copy_name("an evaluation of", evaluate->set, out->name);

    out->kind = BIT_ACTION_EVALUATE;
    out->step = evaluate->after_step;
    out->precision = evaluate->precision;
    out->instances = evaluate->instances;
    out->part = evaluate->has_part ? (int)evaluate->part : 0;
    if (out->part != 0 && (evaluate->precision != BIT__PRECISION__TERNARY || !plan->blends))
        return bit_fail(BIT_EMESSAGE, "an evaluation of a part of the 1.58-bit phase, but the specification has "
                                      "neither a ramp nor eval.damage");
    return err < 0 ? err : check_tokens(order, plan, evaluate->instances);
}

static int from_score(const struct bit_link_order *order, const struct bit_worker_plan *plan, struct bit_action *out)
{
    const Bit__ScoreOrder *score = (const Bit__ScoreOrder *)order->msg;
    const struct bit_requests requests = {
        .count = (int64_t)score->n_tokens, .tokens = score->tokens, .continuation = score->continuation};
    int err;

    if (score->n_tokens == 0 || score->n_tokens > BIT_SCORE_REQUESTS_MAX || score->n_tokens != score->n_continuation ||
        order->payload_bytes > BIT_SCORE_TOKEN_BYTES_MAX)
        return bit_fail(BIT_EMESSAGE, "a score_order of %zu requests with %zu continuations, %zu bytes",
                        score->n_tokens, score->n_continuation, order->payload_bytes);
    err = bit_requests_check_lengths(plan, &requests, &out->ids);
    if (err < 0)
        return bit_fail_within(BIT_EMESSAGE, "a score_order");
    if ((uint64_t)out->ids * (uint64_t)plan->token_bytes != order->payload_bytes)
        return bit_fail(BIT_EMESSAGE, "a score_order of %" PRId64 " tokens with %zu bytes", out->ids,
                        order->payload_bytes);
    out->kind = BIT_ACTION_SCORE;
    out->step = score->after_step;
    out->precision = score->precision;
    out->requests = requests.count;
    out->tag = score->tag;
    return 0;
}

int bit_action_from_order(const struct bit_link_order *order, const struct bit_worker_plan *plan,
                          struct bit_action *out)
{
    struct bit_action action = {0};
    int err = 0;

    switch (order->type) {
    case BIT_MSG_STEP_ORDER:
        err = from_step(order, plan, &action);
        break;
    case BIT_MSG_PHASE_SWITCH:
        err = from_switch(order, &action);
        break;
    case BIT_MSG_CHECKPOINT_ORDER:
        err = from_checkpoint(order, &action);
        break;
    case BIT_MSG_EVALUATE_ORDER:
        err = from_evaluate(order, plan, &action);
        break;
    case BIT_MSG_SCORE_ORDER:
        err = from_score(order, plan, &action);
        break;
    case BIT_MSG_STOP_ORDER:
        action.kind = BIT_ACTION_STOP;
        action.reason = ((const Bit__StopOrder *)order->msg)->reason;
        break;
    case BIT_MSG_DONE_TAKEN:
        action.kind = BIT_ACTION_QUIT;
        break;
    default:
        err = bit_fail(BIT_EMESSAGE, "received a %s, expected an order", bit_msg_name(order->type));
    }
    if (err >= 0)
        *out = action;
    return err;
}

static const char *phase_name(Bit__Precision precision)
{
    return precision == BIT__PRECISION__TERNARY ? "1.58-bit" : "16-bit";
}

/* The name of a kind that belongs to a boundary; NULL for the other kinds. */
static const char *boundary_name(enum bit_action_kind kind)
{
    switch (kind) {
    case BIT_ACTION_SWITCH:
        return "a switch";
    case BIT_ACTION_CHECKPOINT:
        return "a checkpoint";
    case BIT_ACTION_EVALUATE:
        return "an evaluation";
    case BIT_ACTION_SCORE:
        return "a request for log-likelihoods";
    case BIT_ACTION_STEP:
    case BIT_ACTION_STOP:
    case BIT_ACTION_COMPLETE:
    case BIT_ACTION_READY:
    case BIT_ACTION_QUIT:
        break;
    }
    return NULL;
}

int bit_action_check(const struct bit_action *action, uint64_t step, const Bit__PhaseState *phase)
{
    const char *name = boundary_name(action->kind);

    if (action->kind == BIT_ACTION_STEP && action->step != step + 1)
        return bit_fail(BIT_EPHASE, "an order for step %" PRIu64 ", but %" PRIu64 " is the next", action->step,
                        step + 1);
    if (action->kind == BIT_ACTION_STEP && action->precision != phase->precision)
        return bit_fail(BIT_EPHASE, "step %" PRIu64 " is ordered in the %s phase, this worker is in the %s one",
                        action->step, phase_name(action->precision), phase_name(phase->precision));
    if (name != NULL && action->step != step)
        return bit_fail(BIT_EPHASE, "%s after step %" PRIu64 ", but step %" PRIu64 " is done", name, action->step,
                        step);
    return 0;
}
