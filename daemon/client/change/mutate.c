#include "daemon/client/change/mutate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/change/pin.h"
#include "daemon/client/connection/run_names.h"
#include "daemon/client/query/wait.h"
#include "daemon/job/control.h"
#include "daemon/job/job.h"
#include "daemon/store/runs/runs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("mutate");

struct bit_runner *bit_mutate_begin(struct bit_client *c, const char *which, const char *request_id, enum bit_verb verb)
{
    if (request_id[0] == '\0' || strlen(request_id) > BIT_REQUEST_ID_MAX) {
        bit_client_refuse(c, BIT_EMESSAGE, "a request id has 1 to %d bytes", BIT_REQUEST_ID_MAX);
        return NULL;
    }
    struct bit_runner *r = bit_run_names_to_change(c, which, request_id);
    if (r != NULL && r->corrupt) {
        bit_client_refuse(c, BIT_ECORRUPT, "%s", r->run.reason);
        return NULL;
    }
    int err = r == NULL ? 0 : bit_access_check(&c->peer, &r->run, verb);
    if (err < 0) {
        bit_warn("refused", "run=%s uid=%u text=%s", r->run.id, c->peer.uid, bit_fail_text());
        bit_client_refuse(c, err, "%s", bit_fail_text());
        return NULL;
    }
    return r;
}

void bit_mutate_done(struct bit_client *c, const struct bit_runner *r, uint64_t step, uint64_t event, const char *text)
{
    Bit__DoneReply m = BIT__DONE_REPLY__INIT;

    m.run = bit_lend(r->run.id);
    m.has_step = m.has_event = true;
    m.step = step;
    m.event = event;
    m.text = bit_lend(text);
    bit_client_send(c, BIT_MSG_DONE_REPLY, &m);
    bit_client_end(c);
}

static void refuse_state(struct bit_client *c, const struct bit_runner *r, const char *verb)
{
    bit_client_refuse(c, BIT_ESTATE, "%s is %s, and cannot be %s", r->run.id, bit_run_state_name(r->run.state), verb);
}

static Bit__Mutation mutation_of(uint32_t uid, const char *verb, char *request_id)
{
    Bit__Mutation m = BIT__MUTATION__INIT;

    m.verb = bit_lend(verb);
    m.request_id = request_id;
    m.uid = uid;
    return m;
}

Bit__Mutation bit_mutate_mutation(const struct bit_client *c, const char *verb, char *request_id)
{
    return mutation_of(c->peer.uid, verb, request_id);
}

/* Records a request that changes no state. */
static int record_mutation(struct bit_runner *r, Bit__Mutation *m)
{

    bit_info("asked", "run=%s verb=%s uid=%u", r->run.id, m->verb, m->uid);
    return bit_try_record(r, MUTATION, mutation, m);
}

/* Answers when the condition holds, or at once if the client does not want to wait. */
static void answer_when(struct bit_client *c, struct bit_runner *r, enum bit_wait_kind kind, uint64_t step,
                        bool no_wait, uint64_t event)
{
    if (no_wait) {
        bit_mutate_done(c, r, step, event, bit_run_state_name(r->run.state));
        return;
    }
    const struct bit_wait wait = {.kind = kind, .runner = r, .step = step, .event = event};
    bit_wait_begin(c, &wait);
}

/* ---- checkpoint */

static void ask_checkpoint(struct bit_client *c, struct bit_runner *r, const Bit__CheckpointRequest *m, uint64_t step)
{
    Bit__CheckpointAsked asked = BIT__CHECKPOINT_ASKED__INIT;

    asked.after_step = step;
    asked.request_id = m->request_id;
    asked.has_uid = true;
    asked.uid = c->peer.uid;
    int err = bit_try_record(r, CHECKPOINT_ASKED, checkpoint_asked, &asked);
    if (err < 0) {
        bit_client_refuse(c, err, "%s", bit_fail_text());
        return;
    }
    uint64_t event = r->run.seq;
    bit_control_changed(r->job);
    answer_when(c, r, BIT_WAIT_CHECKPOINT, step, m->has_no_wait && m->no_wait, event);
}

void bit_mutate_checkpoint(struct bit_client *c, const Bit__CheckpointRequest *m)
{
    struct bit_runner *r = bit_mutate_begin(c, m->run, m->request_id, BIT_VERB_CHECKPOINT);

    if (r == NULL)
        return;
    const struct bit_run_applied *applied = bit_run_find_applied(&r->run, m->request_id);
    if (applied != NULL) {
        answer_when(c, r, BIT_WAIT_CHECKPOINT, applied->step, m->has_no_wait && m->no_wait, applied->seq);
        return;
    }
    const struct bit_run_checkpoint *newest = bit_run_newest(&r->run);
    uint64_t step = r->job ? bit_control_boundary(r->job) : r->run.step;
    if (newest != NULL && newest->step >= step)
        bit_pin_newest(c, r, m->request_id); /* there is one already */
    else if (bit_spec_evaluates_only(r->run.spec))
        bit_client_refuse(c, BIT_ESTATE, "%s trains nothing, it evaluates a model: there is nothing to write",
                          r->run.id);
    else if (r->job == NULL || !bit_run_active(&r->run))
        refuse_state(c, r, "checkpointed");
    else
        ask_checkpoint(c, r, m, BIT_MAX(step, (uint64_t)1));
}

/* ---- pause, cancel, and the end of a resume */

int bit_mutate_pause_run(struct bit_runner *r, char *request_id, uint32_t uid)
{
    Bit__Mutation asked = mutation_of(uid, "pause", request_id);
    int err = r->job == NULL ? bit_runner_try_state(r, BIT__RUN_STATE__PAUSED, &asked, "paused in the queue")
                             : bit_runner_try_state(r, BIT__RUN_STATE__PAUSING, &asked, "asked by uid %u", uid);
    if (err == 0 && r->job != NULL)
        bit_control_changed(r->job);
    return err;
}

/* A paused run is as it was: nothing needs to be checked. */
int bit_mutate_resume_run(struct bit_runner *r, char *request_id, uint32_t uid)
{
    Bit__Mutation asked = mutation_of(uid, "resume", request_id);

    return bit_runner_try_state(r, BIT__RUN_STATE__QUEUED, &asked, "resumed by uid %u", uid);
}

void bit_mutate_pause(struct bit_client *c, const Bit__PauseRequest *m)
{
    struct bit_runner *r = bit_mutate_begin(c, m->run, m->request_id, BIT_VERB_PAUSE);

    if (r == NULL)
        return;
    const struct bit_run_applied *applied = bit_run_find_applied(&r->run, m->request_id);
    bool no_wait = m->has_no_wait && m->no_wait;
    bool pausing = r->run.state == BIT__RUN_STATE__PAUSED || r->run.state == BIT__RUN_STATE__PAUSING;
    if (applied != NULL || pausing) { /* a repeated request does not pause a run again that was resumed since */
        answer_when(c, r, BIT_WAIT_PAUSED, r->run.step, no_wait || !pausing, applied ? applied->seq : r->run.seq);
        return;
    }
    if (bit_run_ended(&r->run) || r->run.state == BIT__RUN_STATE__CANCELLING) {
        refuse_state(c, r, "paused");
        return;
    }
    int err = bit_mutate_pause_run(r, m->request_id, c->peer.uid);
    if (err < 0) {
        bit_client_refuse(c, err, "%s", bit_fail_text());
        return;
    }
    uint64_t event = r->run.seq;
    answer_when(c, r, BIT_WAIT_PAUSED, r->job ? bit_control_boundary(r->job) : r->run.step, no_wait, event);
}

void bit_mutate_resumed(struct bit_client *c, struct bit_runner *r, bool no_wait, uint64_t event)
{
    bit_runs_schedule(r->runs);
    const struct bit_wait wait = {.kind = BIT_WAIT_TRAINING, .runner = r, .step = r->run.step, .event = event};
    bool queued = r->run.state == BIT__RUN_STATE__QUEUED; /* which may take days */
    if (no_wait || queued)
        bit_wait_answer(c, &wait);
    else
        bit_wait_begin(c, &wait);
}

int bit_mutate_cancel_run(struct bit_runner *r, char *request_id, uint32_t uid, bool now)
{
    Bit__Mutation mutation = mutation_of(uid, now ? "cancel --now" : "cancel", request_id), *asked = &mutation;
    int err;

    if (r->job == NULL)
        return bit_runner_try_state(r, BIT__RUN_STATE__CANCELLED, asked,
                                    r->run.step > 0 ? "cancelled by uid %u" : "cancelled by uid %u before it trained",
                                    uid);
    if (r->run.state == BIT__RUN_STATE__CANCELLING)
        err = record_mutation(r, asked);
    else
        err = bit_runner_try_state(r, BIT__RUN_STATE__CANCELLING, asked, "asked by uid %u", uid);
    if (err < 0)
        return err;
    if (now)
        bit_job_end(r->job, 0, "cancelled");
    else
        bit_control_changed(r->job);
    return 0;
}

void bit_mutate_cancel(struct bit_client *c, const Bit__CancelRequest *m)
{
    struct bit_runner *r = bit_mutate_begin(c, m->run, m->request_id, BIT_VERB_CANCEL);

    if (r == NULL)
        return;
    const struct bit_run_applied *applied = bit_run_find_applied(&r->run, m->request_id);
    bool now = m->has_now && m->now;
    if (applied == NULL && bit_run_ended(&r->run) && r->run.state != BIT__RUN_STATE__CANCELLED) {
        refuse_state(c, r, "cancelled");
        return;
    }
    uint64_t event = applied ? applied->seq : r->run.seq;
    if (applied == NULL && !bit_run_ended(&r->run)) {
        int err = bit_mutate_cancel_run(r, m->request_id, c->peer.uid, now);
        if (err < 0) {
            bit_client_refuse(c, err, "%s", bit_fail_text());
            return;
        }
        event = r->run.seq;
    }
    answer_when(c, r, BIT_WAIT_ENDED, r->run.step, m->has_no_wait && m->no_wait, event);
    bit_runs_schedule(r->runs); /* runs in the queue may have waited for its end */
}

/* ---- switch */

static bool may_switch(struct bit_client *c, const struct bit_runner *r)
{
    const struct bit_run *run = &r->run;
    bool sent = r->job != NULL && r->job->ready && r->job->sequence.precision == BIT__PRECISION__TERNARY;

    if (bit_spec_evaluates_only(run->spec))
        bit_client_refuse(c, BIT_ESTATE, "%s trains nothing, it evaluates a model: there is no switch", run->id);
    else if (run->switched)
        bit_client_refuse(c, BIT_ESTATE, "%s has switched after step %" PRIu64, run->id, run->switched_after);
    else if (sent)
        bit_client_refuse(c, BIT_ESTATE, "%s has been told to switch after step %" PRIu64, run->id, run->plan.at_step);
    else if (bit_run_ended(run))
        refuse_state(c, r, "switched");
    else
        return true;
    return false;
}

/* Finds the step of the switch; an error with the client refused. */
static int find_switch_step(struct bit_client *c, const struct bit_runner *r, const Bit__SwitchRequest *m,
                            uint64_t *out)
{
    const struct bit_run *run = &r->run;
    uint64_t earliest = r->job ? bit_control_earliest_switch(r->job) : run->step_max;
    uint64_t last = run->spec->schedule->steps - 1, at = earliest;

    if (!m->has_now || !m->now)
        at = m->has_at_step ? m->at_step : run->plan.at_step;
    if (!m->has_at_step && !(m->has_now && m->now) && !run->plan.planned) {
        bit_client_refuse(c, BIT_EUSAGE, "%s has no switch planned: give its step (--at STEP, or --now)", run->id);
        return BIT_EUSAGE;
    }
    if (at < earliest || at > last) {
        bit_client_refuse(c, BIT_ESTATE,
                          "a switch after step %" PRIu64 " is not possible: the earliest is %" PRIu64
                          ", the last %" PRIu64 " of %" PRIu64 " steps",
                          at, earliest, last, last + 1);
        return BIT_ESTATE;
    }
    *out = at;
    return 0;
}

static const char *planned_text(const struct bit_run *run)
{
    return run->plan.optimizer == BIT__OPTIMIZER_AT_SWITCH__RESET ? "the switch is planned, with the optimizer reset"
                                                                  : "the switch is planned, with the optimizer kept";
}

static void plan_switch(struct bit_client *c, struct bit_runner *r, const Bit__SwitchRequest *m, bool cancel,
                        uint64_t at)
{
    Bit__SwitchPlanned planned = BIT__SWITCH_PLANNED__INIT;

    planned.cancelled = cancel;
    planned.has_at_step = !cancel;
    planned.at_step = at;
    planned.has_optimizer = !cancel;
    planned.optimizer = m->has_optimizer ? m->optimizer : r->run.plan.optimizer;
    planned.request_id = m->request_id;
    planned.has_uid = true;
    planned.uid = c->peer.uid;
    int err = bit_try_record(r, SWITCH_PLANNED, switch_planned, &planned);
    if (err < 0) {
        bit_client_refuse(c, err, "%s", bit_fail_text());
        return;
    }
    bit_info("switch planned", "run=%s cancelled=%d at=%" PRIu64 " uid=%u", r->run.id, cancel, at, c->peer.uid);
    uint64_t event = r->run.seq;
    if (r->job != NULL)
        bit_control_changed(r->job);
    bit_mutate_done(c, r, cancel ? r->run.step : at, event, cancel ? "no switch" : planned_text(&r->run));
}

void bit_mutate_switch(struct bit_client *c, const Bit__SwitchRequest *m)
{
    struct bit_runner *r = bit_mutate_begin(c, m->run, m->request_id, BIT_VERB_SWITCH);

    if (r == NULL)
        return;
    const struct bit_run_applied *applied = bit_run_find_applied(&r->run, m->request_id);
    if (applied != NULL) {
        bit_mutate_done(c, r, applied->step, applied->seq, applied->cancelled ? "no switch" : planned_text(&r->run));
        return;
    }
    uint64_t at = 0;
    bool cancel = m->has_cancel && m->cancel;
    if (may_switch(c, r) && (cancel || find_switch_step(c, r, m, &at) == 0))
        plan_switch(c, r, m, cancel, at);
}
