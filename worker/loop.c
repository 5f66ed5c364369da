#include "worker/loop.h"

#include <errno.h>
#include <string.h>

#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"
#include "worker/phase.h"
#include "worker/process/clock.h"
#include "worker/report.h"
#include "worker/scoring.h"

BIT_LOG_TOPIC("loop");

/* The loop's state on one rank. session and batch are rank 0's, beat is used by the others. */
struct loop {
    struct bit_worker *worker;
    struct bit_ckpt *ckpt;
    struct bit_session *session;
    struct bit_heartbeat *beat;
    const uint8_t *batch;
    const ProtobufCMessage *order; /* the order that `batch` came with */
    bool told_refused;             /* the warning that graphs could not be recorded was logged */
    bool stopped;                  /* we reported that we are done; only DoneTaken may follow */
    bool has_held;                 /* `held` waits until the checkpoint under way is completed */
    struct bit_action held;
};

static struct bit_action quit(int err)
{
    struct bit_action action = {.kind = BIT_ACTION_QUIT, .err = err};

    if (err < 0)
        bit_format(action.text, sizeof action.text, "%s", bit_fail_text());
    return action;
}

static struct bit_batch_id batch_of(const struct bit_action *action)
{
    return (struct bit_batch_id){.step = action->step, .instances = action->instances, .crc = action->token_crc};
}

/* Rank 0: the next order as an action. On a failure here the action is QUIT, which tells the others. */
static struct bit_action await_order(struct loop *l)
{
    struct bit_action action = {0};
    const struct bit_link_order *order;
    int err = bit_session_next(l->session, &order);

    if (err == -EINTR)
        return (struct bit_action){.kind = BIT_ACTION_COMPLETE};
    if (err > 0)
        return (struct bit_action){.kind = BIT_ACTION_READY};
    if (err >= 0) {
        l->batch = order->payload;
        l->order = order->msg;
        err = bit_action_from_order(order, &l->worker->plan, &action);
    }
    if (err >= 0)
        err = bit_action_check(&action, l->worker->step, &l->worker->phase);
    if (err >= 0 && action.kind == BIT_ACTION_QUIT && !l->stopped)
        err = bit_fail(BIT_EMESSAGE, "done_taken before the stop order");
    if (err >= 0 && action.kind == BIT_ACTION_STEP)
        action.tokens_ahead = bit_instances_came_ahead(&l->worker->instances, batch_of(&action));
    return err < 0 ? quit(err) : action;
}

/*
 * While the GPU works: distribute the next step's batch, if its order is here. If the order is invalid, that is
 * reported when its turn comes.
 */
static void look_ahead(void *arg)
{
    struct loop *l = arg;
    struct bit_worker *w = l->worker;
    const struct bit_link_order *order;
    struct bit_action action;
    struct bit_batch_id next = {0};
    const uint8_t *batch = NULL;

    if (l->session != NULL && bit_session_peek(l->session, &order) >= 0 &&
        bit_action_from_order(order, &w->plan, &action) >= 0 && action.kind == BIT_ACTION_STEP) {
        next = batch_of(&action);
        batch = order->payload;
    }
    int err = bit_instances_take_ahead(&w->instances, batch, next);
    if (err < 0)
        bit_comm_abort(w->comm, err);
}

/*
 * Whether to complete the checkpoint under way before this action. Between steps it is completed as soon as no rank
 * would have to be waited for. It is always completed before another checkpoint, before the stop, and before a daemon
 * that came back is answered, because that daemon must know of the checkpoint before it decides how to continue.
 */
static bool completes_before(const struct loop *l, enum bit_action_kind kind)
{
    if (!l->ckpt->under_way)
        return false;
    if (kind == BIT_ACTION_CHECKPOINT || kind == BIT_ACTION_STOP || kind == BIT_ACTION_READY)
        return true;
    return l->worker->all_written && kind != BIT_ACTION_QUIT;
}

static bool has_own_part(const struct loop *l)
{
    return l->ckpt->under_way && atomic_load(&l->worker->part_written);
}

/* Rank 0: what all ranks do next. While there is no order, a checkpoint is completed as soon as rank 0's part is
 * written. */
static struct bit_action next_action(struct loop *l)
{
    struct bit_action action;

    if (l->has_held) {
        l->has_held = false;
        return l->held;
    }
    do
        action = await_order(l);
    while (action.kind == BIT_ACTION_COMPLETE && !has_own_part(l));
    if (action.kind == BIT_ACTION_COMPLETE || !completes_before(l, action.kind))
        return action;
    l->held = action;
    l->has_held = true;
    return (struct bit_action){.kind = BIT_ACTION_COMPLETE};
}

/* Only rank 0 sends reports; every rank's heartbeat reports the step. */
static void report(struct loop *l, uint16_t type, const void *msg)
{
    struct bit_worker *w = l->worker;
    int err;

    atomic_store(&w->sections->step, w->step);
    if (l->session == NULL)
        return;
    err = bit_session_report(l->session, type, w->step, msg);
    if (err < 0)
        bit_comm_abort(w->comm, err); /* the report cannot be encoded, and the others are past this step */
}

/* Logged once: from then on operators are launched one by one. */
static void tell_refused(struct loop *l)
{
    for (int part = 0; part < BIT_MODEL_PARTS && !l->told_refused; part++) {
        const struct bit_replay *replay = &l->worker->model->replay[part];
        if (!replay->refused)
            continue;
        l->told_refused = true;
        bit_warn("no graphs", "why=%s", replay->why);
    }
}

static int complete(struct loop *l)
{
    Bit__CheckpointReport message;

    bit_ckpt_end(l->ckpt, &message);
    if (message.error < 0 && l->session != NULL)
        bit_warn("checkpoint failed", "name=%s why=%s", message.name, message.text);
    report(l, BIT_MSG_CHECKPOINT_REPORT, &message);
    return 0;
}

static int train(struct loop *l, const struct bit_action *action)
{
    struct bit_step_result result = {0};
    struct bit_step_report message;
    int err;

    l->stopped = false; /* a daemon that came back may continue where the previous one ordered the stop */
    bit_heartbeat_done(l->beat, NULL);
    err = bit_step_train(l->worker, action, l->batch, &result);
    if (err < 0)
        return err;
    tell_refused(l);
    /* The anomaly may cause a rewind to the newest checkpoint: complete this one first, so that the target does not
     * depend on the disk's speed. */
    if (result.seen.count > 0 && l->ckpt->under_way)
        complete(l);
    bit_report_step(l->worker, action, &result, &message);
    report(l, BIT_MSG_STEP_REPORT, &message.msg);
    return 0;
}

static int switch_phase(struct loop *l, const struct bit_action *action)
{
    struct bit_worker *w = l->worker;
    Bit__PhaseSwitched switched = BIT__PHASE_SWITCHED__INIT;
    int err = bit_phase_apply(&w->phase, &action->phase, w->step, &w->optim, w->comm, w->plan.threads, &switched);

    if (err < 0)
        return err;
    bit_publish_stale(&w->publish);
    bit_publish_forget_codes(&w->publish);
    switched.phase = &w->phase;
    report(l, BIT_MSG_PHASE_SWITCHED, &switched);
    return 0;
}

static int checkpoint(struct loop *l, const struct bit_action *action)
{
    const struct bit_ckpt_about about = {
        .name = action->name,
        .pre_switch = action->pre_switch,
        .strength = action->strength,
        .next_batch = action->next_batch,
    };

    return bit_ckpt_begin(l->ckpt, &about) ? 0 : complete(l);
}

static int evaluate(struct loop *l, struct bit_action *action)
{
    Bit__EvaluateReport message = BIT__EVALUATE_REPORT__INIT;
    const double began_ms = bit_clock_ms();
    int err = bit_step_evaluate(l->worker, action, l->batch, &message.loss, &message.targets);

    if (err < 0)
        return err;
    message.after_step = l->worker->step;
    message.set = action->name;
    message.precision = action->precision;
    message.has_part = action->part != 0;
    message.part = (Bit__TernaryPart)action->part;
    message.ms = bit_clock_ms() - began_ms;
    report(l, BIT_MSG_EVALUATE_REPORT, &message);
    return 0;
}

/* The message lists the requests without a finite sum, because it cannot hold NaN or infinity. It borrows all
 * arrays. */
static int report_scored(struct loop *l, const struct bit_action *action, struct bit_scored *scored, double ms)
{
    Bit__ScoreReport message = BIT__SCORE_REPORT__INIT;

    message.after_step = l->worker->step;
    message.precision = action->precision;
    message.tag = action->tag;
    message.sum = scored->sum;
    message.n_sum = (size_t)action->requests;
    message.no_number = scored->no_number;
    message.n_no_number = (size_t)scored->no_numbers;
    message.ms = ms;
    report(l, BIT_MSG_SCORE_REPORT, &message);
    return 0;
}

static int score(struct loop *l, const struct bit_action *action)
{
    const Bit__ScoreOrder *order = (const Bit__ScoreOrder *)l->order;
    const struct bit_score_input input = {.tokens = l->session == NULL ? NULL : order->tokens,
                                          .continuation = l->session == NULL ? NULL : order->continuation,
                                          .ids = l->batch};
    const double began_ms = bit_clock_ms();
    struct bit_scored scored = {0};
    int err = bit_scoring_run(l->worker, action, &input, &scored);

    if (err >= 0)
        err = report_scored(l, action, &scored, bit_clock_ms() - began_ms);
    bit_scoring_finish(&scored);
    return err;
}

/*
 * Each rank reports for itself that it is done. The daemon answers when it has heard every rank; if it is killed before
 * that, the link is made again, the stop is ordered again, and this report is sent again.
 */
static int stop(struct loop *l, const struct bit_action *action)
{
    struct bit_worker *w = l->worker;
    Bit__WorkerDone done = BIT__WORKER_DONE__INIT;

    done.reason = action->reason;
    done.step = w->step;
    done.weights_digest = bit_optim_weights_digest(&w->optim, w->comm, w->plan.threads);
    done.phase_digest = bit_phase_digest(&w->phase);
    done.ranks = (uint32_t)w->comm->size;
    done.rank = (uint32_t)w->comm->rank;
    l->stopped = true;
    if (l->session != NULL)
        bit_session_done(l->session, &done);
    else
        bit_heartbeat_done(l->beat, &done);
    return 0;
}

static int say_ready(struct loop *l)
{
    Bit__WorkerReady ready;
    char backend[BIT_WORKER_BACKEND_BYTES];

    bit_worker_ready(l->worker, l->ckpt, &ready, backend);
    if (l->session != NULL)
        bit_session_ready(l->session, &ready);
    return 0;
}

static enum bit_section section_of(enum bit_action_kind kind)
{
    switch (kind) {
    case BIT_ACTION_STEP:
    case BIT_ACTION_READY:
        return BIT_SECTION_OTHER;
    case BIT_ACTION_SWITCH:
        return BIT_SECTION_SWITCH;
    case BIT_ACTION_CHECKPOINT:
    case BIT_ACTION_COMPLETE:
        return BIT_SECTION_CHECKPOINT;
    case BIT_ACTION_EVALUATE:
    case BIT_ACTION_SCORE:
        return BIT_SECTION_EVALUATE;
    case BIT_ACTION_STOP:
    case BIT_ACTION_QUIT:
        break;
    }
    return BIT_SECTION_STOP;
}

static int execute(struct loop *l, struct bit_action *action)
{
    bit_section_enter(l->worker->sections, section_of(action->kind));
    switch (action->kind) {
    case BIT_ACTION_STEP:
        return train(l, action);
    case BIT_ACTION_SWITCH:
        return switch_phase(l, action);
    case BIT_ACTION_CHECKPOINT:
        return checkpoint(l, action);
    case BIT_ACTION_EVALUATE:
        return evaluate(l, action);
    case BIT_ACTION_SCORE:
        return score(l, action);
    case BIT_ACTION_STOP:
        return stop(l, action);
    case BIT_ACTION_COMPLETE:
        return complete(l);
    case BIT_ACTION_READY:
        return say_ready(l);
    case BIT_ACTION_QUIT:
        break;
    }
    return action->err < 0 ? bit_fail_again(action->err, "", action->text) : 0;
}

int bit_loop_run(struct bit_worker *worker, struct bit_ckpt *ckpt, struct bit_session *session,
                 struct bit_heartbeat *beat)
{
    struct loop l = {.worker = worker, .ckpt = ckpt, .session = session, .beat = beat};
    struct bit_action action;
    int err;

    worker->meanwhile = look_ahead;
    worker->meanwhile_arg = &l;
    if (session != NULL) {
        ckpt->on_written = bit_session_wake;
        ckpt->on_written_arg = session;
    }
    bit_sections_restart(worker->sections, BIT_SECTION_WAIT);
    do {
        if (session != NULL)
            action = next_action(&l);
        bit_comm_await(worker->comm, &action, sizeof action);
        err = execute(&l, &action);
        bit_sections_restart(worker->sections, BIT_SECTION_WAIT);
    } while (err >= 0 && action.kind != BIT_ACTION_QUIT);
    return err;
}
