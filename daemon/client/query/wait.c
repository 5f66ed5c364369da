#include "daemon/client/query/wait.h"

#include <inttypes.h>

#include "daemon/client/connection/client.h"
#include "daemon/client/connection/quota.h"
#include "daemon/client/connection/run_names.h"
#include "daemon/client/query/resume_text.h"
#include "daemon/client/query/status.h"
#include "daemon/store/runs/runner.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

enum result {
    NOT_YET,
    HOLDS,
    NEVER, /* it cannot hold any more */
};

static bool requested_holds(const struct bit_wait *w, const struct bit_run *run)
{
    const struct bit_run_checkpoint *newest = bit_run_newest(run);

    if (w->has_state && run->state != w->state)
        return false;
    if (w->has_step && run->step_max < w->step)
        return false;
    if (w->has_precision && run->precision != w->precision)
        return false;
    if (w->has_checkpoint && (newest == NULL || newest->step < w->checkpoint))
        return false;
    return w->has_state || w->has_step || w->has_precision || w->has_checkpoint || bit_run_ended(run);
}

static bool holds(const struct bit_wait *w, const struct bit_run *run)
{
    const struct bit_run_checkpoint *newest = bit_run_newest(run);

    switch (w->kind) {
    case BIT_WAIT_REQUESTED:
        return requested_holds(w, run);
    case BIT_WAIT_CHECKPOINT:
        return newest != NULL && newest->step >= w->step;
    case BIT_WAIT_PAUSED:
        return run->state == BIT__RUN_STATE__PAUSED;
    case BIT_WAIT_TRAINING: /* launches that fail are repeated for minutes: who asked is told at the first */
        return run->state == BIT__RUN_STATE__TRAINING || run->state == BIT__RUN_STATE__COMPLETED ||
               run->state == BIT__RUN_STATE__RESTARTING;
    default:
        return bit_run_ended(run);
    }
}

static bool is_gone(const struct bit_wait *w, const struct bit_run *run)
{
    if (w->kind == BIT_WAIT_CHECKPOINT && !bit_run_active(run) && run->state != BIT__RUN_STATE__QUEUED)
        return true;
    if (w->kind == BIT_WAIT_TRAINING && run->state == BIT__RUN_STATE__PAUSED)
        return true;
    return bit_run_ended(run);
}

/* While the run is blocked, no other condition holds, because what is not on disk does not count yet. */
static enum result check(const struct bit_wait *w)
{
    const struct bit_run *run = &w->runner->run;

    if (w->has_state && w->state == BIT__RUN_STATE__BLOCKED && bit_status_state(w->runner) == w->state)
        return HOLDS;
    if (bit_runner_is_blocked(w->runner))
        return NOT_YET;
    if (holds(w, run))
        return HOLDS;
    return is_gone(w, run) ? NEVER : NOT_YET;
}

static void answer_requested(struct bit_client *c, struct bit_runner *r, bool never)
{
    struct bit_status status;

    if (bit_status_init_whole(&status, r, 0) < 0) {
        bit_client_refuse(c, -ENOMEM, "%s", bit_fail_text());
        return;
    }
    Bit__WaitReply m = BIT__WAIT_REPLY__INIT;
    m.status = &status.message;
    m.has_never = m.never = never;
    bit_client_send(c, BIT_MSG_WAIT_REPLY, &m);
    bit_status_finish(&status);
    bit_client_end(c);
}

static const char *text_of(const struct bit_wait *w, bool resumed, char *room, size_t bytes)
{
    const struct bit_run *run = &w->runner->run;
    const struct bit_run_checkpoint *newest = bit_run_newest(run);

    if (w->kind == BIT_WAIT_CHECKPOINT && newest != NULL)
        return newest->name;
    if (!resumed || run->state == BIT__RUN_STATE__RESTARTING)
        return run->reason;
    bit_resume_text(run, room, bytes);
    if (run->state == BIT__RUN_STATE__QUEUED)
        bit_format_more(room, bytes, "; queued, every slot is taken");
    return room;
}

void bit_wait_answer(struct bit_client *c, const struct bit_wait *w)
{
    const struct bit_run *run = &w->runner->run;
    const struct bit_run_checkpoint *newest = bit_run_newest(run);
    bool resumed = w->kind == BIT_WAIT_TRAINING && run->resumed != NULL && run->resumed_event == w->event;
    char text[2 * BIT_ERR_TEXT_MAX];
    Bit__DoneReply m = BIT__DONE_REPLY__INIT;

    m.run = bit_lend(run->id);
    m.has_step = m.has_event = true;
    m.step = w->kind == BIT_WAIT_CHECKPOINT && newest ? newest->step : resumed ? run->resumed->from_step : run->step;
    m.event = w->event;
    m.text = bit_lend(text_of(w, resumed, text, sizeof text));
    m.resumed = resumed ? run->resumed : NULL;
    bit_client_send(c, BIT_MSG_DONE_REPLY, &m);
    bit_client_end(c);
}

void bit_wait_look(struct bit_client *c)
{
    const struct bit_wait w = c->wait;
    enum result result = check(&w);

    if (result == NOT_YET)
        return;
    c->wait.kind = BIT_WAIT_NONE;
    if (w.kind == BIT_WAIT_REQUESTED)
        answer_requested(c, w.runner, result == NEVER); /* with the state, even if it can never hold */
    else if (result == HOLDS)
        bit_wait_answer(c, &w);
    else
        bit_client_refuse(c, BIT_ESTATE, "%s is %s: %s", w.runner->run.id, bit_run_state_name(w.runner->run.state),
                          w.runner->run.reason);
}

void bit_wait_begin(struct bit_client *c, const struct bit_wait *wait)
{
    c->wait = *wait;
    bit_wait_look(c);
}

void bit_wait_requested(struct bit_client *c, const Bit__WaitRequest *m)
{
    struct bit_runner *r = bit_run_names_asked(c, m->run, BIT_RUN_READ);

    if (r == NULL)
        return;
    const struct bit_wait wait = {
        .kind = BIT_WAIT_REQUESTED,
        .runner = r,
        .has_state = m->has_state,
        .state = m->state,
        .has_step = m->has_step,
        .step = m->step,
        .has_precision = m->has_precision,
        .precision = m->precision,
        .has_checkpoint = m->has_checkpoint,
        .checkpoint = m->checkpoint,
    };
    bool holds = check(&wait) != NOT_YET;
    if (!holds && bit_quota_wait(c) < 0)
        bit_client_refuse(c, BIT_EBUSY, "%s", bit_fail_text());
    else
        bit_wait_begin(c, &wait);
}
