#include "daemon/client/sweep/sweep_change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/change/mutate.h"
#include "daemon/client/connection/quota.h"
#include "daemon/client/sweep/sweep.h"
#include "daemon/client/sweep/sweep_names.h"
#include "daemon/client/sweep/sweep_reply.h"
#include "daemon/store/retention/removal.h"
#include "daemon/store/runs/runs.h"
#include "daemon/store/sweeps/sweep_life.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("sweep_change");

#define APPLIED_MAX 64 /* requests remembered, the newest ones */

static const char *verb_of(Bit__SweepChange change)
{
    return change == BIT__SWEEP_CHANGE__SWEEP_PAUSE    ? "pause"
           : change == BIT__SWEEP_CHANGE__SWEEP_RESUME ? "resume"
                                                       : "cancel";
}

static Bit__SweepApplied *find_applied(const struct bit_sweep *s, const char *request_id)
{
    for (size_t i = 0; i < s->progress->n_applied; i++)
        if (strcmp(s->progress->applied[i]->request_id, request_id) == 0)
            return s->progress->applied[i];
    return NULL;
}

/* ---- its runs */

static int apply_to(struct bit_runner *r, const Bit__SweepApplied *a, char *request_id)
{
    const Bit__RunState state = r->run.state;

    if (r->corrupt || bit_run_find_applied(&r->run, request_id) != NULL)
        return 0;
    if (a->change == BIT__SWEEP_CHANGE__SWEEP_RESUME)
        return state == BIT__RUN_STATE__PAUSED && r->job == NULL ? bit_mutate_resume_run(r, request_id, a->uid) : 0;
    if (bit_run_ended(&r->run) || state == BIT__RUN_STATE__CANCELLING)
        return 0;
    if (a->change == BIT__SWEEP_CHANGE__SWEEP_CANCEL)
        return bit_mutate_cancel_run(r, request_id, a->uid, a->has_now && a->now);
    const bool pauses = state == BIT__RUN_STATE__PAUSED || state == BIT__RUN_STATE__PAUSING;
    return pauses ? 0 : bit_mutate_pause_run(r, request_id, a->uid);
}

/* Whether a run is still pausing: a resume waits until it is paused. */
static bool is_pausing(const struct bit_sweep *s, const struct bit_runs *runs)
{
    for (size_t i = 0; i < s->plan->n_branch; i++) {
        const struct bit_runner *r = bit_sweep_state_run(s, runs, i);
        if (r != NULL &&
            (r->run.state == BIT__RUN_STATE__PAUSING || (r->run.state == BIT__RUN_STATE__PAUSED && r->job != NULL)))
            return true;
    }
    return false;
}

/* Applies a change to every run, with a request id of its own for each. False: some could not be written yet, and are
 * tried again. */
static bool apply(struct bit_sweeps *sweeps, struct bit_sweep *s, const Bit__SweepApplied *a)
{
    bool all = a->change != BIT__SWEEP_CHANGE__SWEEP_RESUME || !is_pausing(s, sweeps->runs);

    for (size_t i = 0; i < s->plan->n_branch; i++) {
        struct bit_runner *r = bit_sweep_state_run(s, sweeps->runs, i);
        char request_id[BIT_REQUEST_ID_MAX + 1];
        snprintf(request_id, sizeof request_id, "%s-%s", s->id, a->request_id);
        if (r == NULL || apply_to(r, a, request_id) == 0)
            continue;
        bit_warn("not yet", "run=%s verb=%s text=%s", r->run.id, verb_of(a->change), bit_fail_text());
        all = false;
    }
    return all;
}

static void finish_one(struct bit_sweeps *sweeps, struct bit_sweep *s)
{
    for (size_t i = 0; i < s->progress->n_applied; i++) {
        Bit__SweepApplied *a = s->progress->applied[i];
        if (a->has_done && a->done)
            continue;
        if (!apply(sweeps, s, a))
            return; /* changes are applied in order */
        a->has_done = a->done = true;
        if (bit_sweep_state_keep(s) < 0)
            bit_error("not kept", "sweep=%s text=%s", s->id, bit_fail_text());
        bit_runs_schedule(sweeps->runs);
    }
}

void bit_sweep_change_finish(struct bit_sweeps *sweeps)
{
    for (size_t i = 0; i < sweeps->count && !sweeps->env->stopping; i++)
        finish_one(sweeps, sweeps->sweep[i]);
}

/* ---- the record */

static void forget_oldest(Bit__SweepProgress *p)
{
    if (p->n_applied < APPLIED_MAX || !p->applied[0]->done)
        return;
    bit_msg_free(p->applied[0]);
    memmove(p->applied, p->applied + 1, --p->n_applied * sizeof *p->applied);
}

static int add_applied(Bit__SweepProgress *p, const Bit__SweepChangeRequest *m, uint32_t uid)
{
    Bit__SweepApplied a = BIT__SWEEP_APPLIED__INIT, *copy;

    forget_oldest(p);
    a.request_id = m->request_id;
    a.change = m->change;
    a.uid = uid;
    a.has_now = m->has_now;
    a.now = m->now;
    Bit__SweepApplied **grown = realloc(p->applied, (p->n_applied + 1) * sizeof *grown);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "a sweep");
    p->applied = grown;
    if ((copy = bit_msg_clone(&a)) == NULL)
        return bit_fail(-ENOMEM, "a sweep");
    p->applied[p->n_applied++] = copy;
    return 0;
}

static void set_held(Bit__SweepProgress *p, Bit__SweepChange change)
{
    if (change == BIT__SWEEP_CHANGE__SWEEP_CANCEL)
        p->cancelled = true;
    else
        p->paused = change == BIT__SWEEP_CHANGE__SWEEP_PAUSE;
}

/* Undoes the change if it cannot be written. */
static int record(struct bit_client *c, struct bit_sweep *s, const Bit__SweepChangeRequest *m)
{
    Bit__SweepProgress *p = s->progress;
    const bool paused = p->paused, cancelled = p->cancelled;
    int err = add_applied(p, m, c->peer.uid);

    if (err < 0)
        return err;
    set_held(p, m->change);
    bit_sweep_state_tell(s, -1, "%s, by uid %u", verb_of(m->change), c->peer.uid);
    err = bit_sweep_state_keep(s);
    if (err == 0)
        return 0;
    bit_msg_free(p->applied[--p->n_applied]);
    p->paused = paused;
    p->cancelled = cancelled;
    return err;
}

static int check(const struct bit_sweep *s, const struct bit_runs *runs, const Bit__SweepChangeRequest *m)
{
    struct bit_sweep_reply reply;
    int err = bit_sweep_reply_make(s, runs, false, &reply);

    if (err < 0)
        return err;
    const bool ended = bit_sweep_reply_is_end(reply.m.state);
    bit_sweep_reply_finish(&reply);
    if (m->change == BIT__SWEEP_CHANGE__SWEEP_REMOVE && !ended)
        return bit_fail(BIT_ESTATE, "%s has not ended: cancel it first", s->id);
    if (m->change != BIT__SWEEP_CHANGE__SWEEP_REMOVE && ended)
        return bit_fail(BIT_ESTATE, "%s has ended, and cannot be %s%s", s->id, verb_of(m->change),
                        m->change == BIT__SWEEP_CHANGE__SWEEP_CANCEL ? "led" : "d");
    if (m->change == BIT__SWEEP_CHANGE__SWEEP_RESUME && s->progress->cancelled)
        return bit_fail(BIT_ESTATE, "%s was cancelled: its runs can be resumed, and those that never began cannot",
                        s->id);
    return 0;
}

/* Makes the reply before the sweep is removed. */
static void remove_it(struct bit_client *c, struct bit_sweep *s, const char *request_id)
{
    struct bit_sweep_reply reply;
    int err = bit_sweep_reply_make(s, c->all->runs, true, &reply);

    if (err == 0 && (err = bit_sweeps_unlink(s, request_id, &reply.m)) == 0)
        bit_client_send(c, BIT_MSG_SWEEP_REPLY, &reply.m);
    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    else
        bit_client_end(c);
    bit_sweep_reply_finish(&reply);
    if (err == 0)
        bit_sweeps_drop(c->all->sweeps, s);
}

/* Whether the request removed its sweep before, and got its answer now. */
static bool answer_removed(struct bit_client *c, const Bit__SweepChangeRequest *m)
{
    Bit__SweepReply *answer = bit_sweeps_find_removed(c->all->sweeps, m->sweep, m->request_id);

    if (answer == NULL)
        return false;
    bit_client_send(c, BIT_MSG_SWEEP_REPLY, answer);
    bit_client_end(c);
    bit_msg_free(answer);
    return true;
}

void bit_sweep_change(struct bit_client *c, const Bit__SweepChangeRequest *m)
{
    const bool removes = m->change == BIT__SWEEP_CHANGE__SWEEP_REMOVE;
    struct bit_sweep *s = NULL;

    if (m->request_id[0] == '\0' || strlen(m->request_id) > BIT_REQUEST_ID_MAX - BIT_RUN_ID_MAX) {
        bit_client_refuse(c, BIT_EMESSAGE, "a request id of a sweep has 1 to %d bytes",
                          BIT_REQUEST_ID_MAX - BIT_RUN_ID_MAX);
        return;
    }
    if (removes && !bit_removal_may_ask(m->request_id)) {
        bit_client_refuse(c, BIT_EMESSAGE, "the id of a request to remove has letters, digits, '-' and '_'");
        return;
    }
    if (removes && answer_removed(c, m))
        return;
    if ((s = bit_sweep_names_asked(c, m->sweep, true)) == NULL)
        return;
    if (find_applied(s, m->request_id) != NULL) {
        bit_sweep_answer(c, s, true, false, false);
        return;
    }
    int err = check(s, c->all->runs, m);
    if (err == 0 && removes) {
        remove_it(c, s, m->request_id);
        return;
    }
    if (err == 0)
        err = record(c, s, m);
    if (err < 0) {
        bit_client_refuse(c, err, "%s", bit_fail_text());
        return;
    }
    finish_one(c->all->sweeps, s);
    bit_sweep_life_look(c->all->sweeps);
    c->all->sweeps->changed(c->all->sweeps->owner, s);
    bit_sweep_answer(c, s, false, false, false);
}

/* ---- waits */

void bit_sweep_change_look(struct bit_client *c)
{
    const struct bit_sweep *s = bit_sweeps_find(c->all->sweeps, c->sweep_wait.id);
    struct bit_sweep_reply reply;

    if (s == NULL) {
        bit_client_refuse(c, BIT_ENORUN, "%s is not there any more", c->sweep_wait.id);
        c->sweep_wait.id[0] = '\0';
        return;
    }
    if (bit_sweep_reply_make(s, c->all->runs, false, &reply) < 0)
        return;
    const bool ended = bit_sweep_reply_is_end(reply.m.state);
    const bool holds = c->sweep_wait.has_state ? reply.m.state == c->sweep_wait.state : ended;
    bit_sweep_reply_finish(&reply);
    if (!holds && !ended)
        return;
    c->sweep_wait.id[0] = '\0';
    bit_sweep_answer(c, s, false, false, !holds);
}

void bit_sweep_change_wait(struct bit_client *c, const Bit__SweepWaitRequest *m)
{
    const struct bit_sweep *s = bit_sweep_names_asked(c, m->sweep, false);

    if (s == NULL)
        return;
    if (bit_quota_wait(c) < 0) {
        bit_client_refuse(c, BIT_EBUSY, "%s", bit_fail_text());
        return;
    }
    snprintf(c->sweep_wait.id, sizeof c->sweep_wait.id, "%s", s->id);
    c->sweep_wait.has_state = m->has_state;
    c->sweep_wait.state = m->state;
    bit_sweep_change_look(c);
}
