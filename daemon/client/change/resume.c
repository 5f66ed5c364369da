#include "daemon/client/change/resume.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/client/change/depends.h"
#include "daemon/client/change/mutate.h"
#include "daemon/client/change/resume_check.h"
#include "daemon/client/change/resumption.h"
#include "daemon/store/retention/checkpoint_retention.h"
#include "daemon/store/runs/runs.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("resume");

/* ---- what is journalled */

static bool gives_up(const struct bit_resumption *s, const struct bit_run *run)
{
    const Bit__ResumeRequest *m = s->ask;

    return m->has_from_step || m->has_skip || s->changes.other > 0 ||
           (m->has_stretch && m->stretch && s->from < run->step_max);
}

/* How many batches are left out: those that were left out right after this step before, and those of --skip. */
static uint64_t skip_of(const struct bit_resumption *s, const struct bit_run *run)
{
    const struct bit_rewinds *r = &run->rewinds;
    uint64_t next = bit_rewinds_kept(r, s->from + 1), at = s->from > 0 ? bit_rewinds_kept(r, s->from) : 0;

    return next - at - 1 + (s->ask->has_skip ? s->ask->skip : 0);
}

static int record(struct bit_resumption *s, struct bit_runner *r)
{
    const Bit__ResumeRequest *ask = s->ask;
    char reason[BIT_RUN_REASON_MAX];
    Bit__RunResumed m = BIT__RUN_RESUMED__INIT;
    Bit__Mutation asked = bit_mutate_mutation(s->client, "resume", ask->request_id);

    bit_format(reason, sizeof reason, "%s", r->run.reason);
    asked.has_ranks = ask->has_ranks;
    asked.ranks = ask->ranks;
    m.asked = &asked;
    m.was = r->run.state;
    m.reason = reason;
    m.from_step = s->from;
    m.checkpoint = s->checkpoint[0] ? s->checkpoint : NULL;
    m.again = r->run.step_max - s->from;
    m.has_given_up = m.given_up = gives_up(s, &r->run);
    m.has_skip = m.given_up;
    m.skip = m.given_up ? skip_of(s, &r->run) : 0;
    m.has_steps = ask->has_steps;
    m.steps = ask->steps;
    m.has_cosine_steps = ask->has_steps && ask->has_stretch && ask->stretch;
    m.cosine_steps = m.has_cosine_steps ? ask->steps : 0;
    m.other_data = s->changes.other > 0 ? s->changes.text : NULL;
    bit_info("asked", "run=%s verb=resume uid=%u from=%" PRIu64 " again=%" PRIu64 " given_up=%d force=%d", r->run.id,
             asked.uid, m.from_step, m.again, m.given_up, m.other_data != NULL);
    return bit_try_record(r, RESUMED, resumed, &m);
}

static void tell_same(struct bit_resumption *s, struct bit_runner *r)
{
    Bit__DataCompared m = BIT__DATA_COMPARED__INIT;

    if (s->changes.same == 0 || s->changes.other > 0)
        return;
    m.same = true;
    m.text = s->changes.text;
    bit_record(r, DATA_COMPARED, data_compared, &m);
}

/* Removes the checkpoints that the record has dropped from the run. */
static void drop_given_up(const struct bit_resumption *s, struct bit_runner *r)
{
    for (size_t i = 0; i < s->claim.known_count; i++)
        if (s->claim.known[i].step > s->from && bit_run_checkpoint_at(&r->run, s->claim.known[i].step) == NULL)
            bit_checkpoint_retention_drop(r, s->claim.known[i].name);
}

/* Records the resume. An ended run holds no results of its steps, so it gets those of the replay first. */
static int go_on(struct bit_resumption *s, struct bit_runner *r)
{
    bool gave_up = r->given_up;

    if (s->has_replayed) {
        struct bit_history history = r->run.history;
        r->run.history = s->replayed.history;
        s->replayed.history = history;
    }
    r->given_up = false; /* the record that could not be written does not matter any more */
    int err = record(s, r);
    if (err < 0) {
        r->given_up = gave_up;
        if (bit_run_ended(&r->run))
            bit_run_rest(&r->run);
        return err;
    }
    drop_given_up(s, r);
    tell_same(s, r);
    return 0;
}

/* Refuses if a checkpoint that would be removed is pinned, or another run reads it. */
static int check_wanted(const struct bit_resumption *s, const struct bit_runner *r)
{
    const struct bit_run *run = &r->run;
    char below[64], list[128];

    for (size_t i = 0; i < run->checkpoints.count && gives_up(s, run); i++) {
        const struct bit_run_checkpoint *c = &run->checkpoints.list[i];
        snprintf(below, sizeof below, "checkpoints/%s", c->name);
        if (c->step > s->from && c->pinned)
            return bit_fail(BIT_ESTATE, "%s is pinned, and would be removed: `bitctl ckpt unpin %s %" PRIu64 "` first",
                            c->name, run->id, c->step);
        if (c->step > s->from && bit_depends_list(r, below, BIT_DEPENDS_READS, list, sizeof list) > 0)
            return bit_fail(BIT_ESTATE, "%s begins from %s, which would be removed", list, c->name);
    }
    return 0;
}

static int check_found(const struct bit_resumption *s, const struct bit_runner *r)
{
    if (s->err < 0)
        return bit_fail(s->err == -ENOENT ? BIT_EDATA : s->err, "%s", s->text);
    if (r->run.seq != s->seq)
        return bit_fail(BIT_EBUSY, "%s has changed in the meantime: try again", r->run.id);
    if (r->env->stopping)
        return bit_fail(BIT_EBUSY, "bitd is going down");
    if (s->changes.other > 0 && !(s->ask->has_force && s->ask->force))
        return bit_fail(BIT_EDATA, "%s; `bitctl resume %s --force` goes on with it as it is now", s->changes.text,
                        r->run.id);
    int err = bit_resume_check(r, s->ask);
    return err < 0 ? err : check_wanted(s, r);
}

static void on_looked(struct bit_user_task *task)
{
    struct bit_resumption *s = task->data;
    struct bit_client *c = s->client;

    if (c == NULL) {
        bit_resumption_destroy(s);
        return;
    }
    struct bit_runner *r = bit_runs_find(s->runs, s->run);
    int err = 0;
    if (r == NULL)
        err = bit_fail(BIT_ENORUN, "there is no run '%s' any more", s->run);
    else if (bit_run_find_applied(&r->run, s->ask->request_id) == NULL) /* else the request was sent twice */
        err = check_found(s, r);
    if (err == 0 && bit_run_find_applied(&r->run, s->ask->request_id) == NULL)
        err = go_on(s, r);
    bool no_wait = s->ask->has_no_wait && s->ask->no_wait;
    uint64_t event = err == 0 ? bit_run_find_applied(&r->run, s->ask->request_id)->seq : 0;
    bit_resumption_destroy(s);
    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    else
        bit_mutate_resumed(c, r, no_wait, event);
}

static void begin_looking(struct bit_client *c, struct bit_runner *r, const Bit__ResumeRequest *m)
{
    struct bit_resumption *s = bit_resumption_create(c, r, m);

    if (s == NULL) {
        bit_client_refuse(c, -ENOMEM, "a resume of %s", r->run.id);
        return;
    }
    bit_resumption_start(s, on_looked);
}

/* A paused run is as it was: nothing needs to be checked. */
static void resume_paused(struct bit_client *c, struct bit_runner *r, const Bit__ResumeRequest *m)
{
    Bit__Mutation asked = bit_mutate_mutation(c, "resume", m->request_id);

    asked.has_ranks = m->has_ranks;
    asked.ranks = m->ranks;
    if (bit_runner_try_state(r, BIT__RUN_STATE__QUEUED, &asked, "resumed by uid %u", c->peer.uid) < 0)
        bit_client_refuse(c, -EIO, "%s", bit_fail_text());
    else
        bit_mutate_resumed(c, r, m->has_no_wait && m->no_wait, r->run.seq);
}

static bool changes_more(const Bit__ResumeRequest *m)
{
    return m->has_from_step || m->has_steps || m->has_stretch || m->has_skip || m->has_force;
}

void bit_resume(struct bit_client *c, const Bit__ResumeRequest *m)
{
    struct bit_runner *r = bit_mutate_begin(c, m->run, m->request_id, BIT_VERB_RESUME);

    if (r == NULL)
        return;
    const struct bit_run_applied *applied = bit_run_find_applied(&r->run, m->request_id);
    int err = applied == NULL ? bit_resume_check(r, m) : 0;
    if (applied != NULL)
        bit_mutate_resumed(c, r, m->has_no_wait && m->no_wait, applied->seq);
    else if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    else if (r->run.state == BIT__RUN_STATE__PAUSED && !changes_more(m))
        resume_paused(c, r, m);
    else
        begin_looking(c, r, m);
}
