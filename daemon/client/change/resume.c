#include "daemon/client/change/resume.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/change/depends.h"
#include "daemon/client/change/mutate.h"
#include "daemon/feed/feed.h"
#include "daemon/job/job.h"
#include "daemon/store/checkpoints/claim.h"
#include "daemon/store/retention/checkpoint_retention.h"
#include "daemon/store/runs/runs.h"
#include "daemon/store/runs/stored_run.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("resume");

struct bit_resumption {
    struct bit_user_task looking;
    struct bit_runs *runs;
    struct bit_client *client; /* NULL when it has gone */
    Bit__ResumeRequest *ask;

    /* The run as it was when this began; meanwhile it may change or be removed. */
    char run[BIT_RUN_ID_MAX];
    uint64_t number, seq, journal_bytes;
    char *dir, *facts; /* its folder; data.pb in it */
    Bit__RunSpec *spec;
    bool ended;
    struct bit_claim claim;
    atomic_bool stop; /* never set: a comparison is not interrupted */

    /* The results. */
    struct bit_run replayed; /* of a run that had ended: with the results of its steps */
    bool has_replayed;
    uint64_t from;
    char checkpoint[32]; /* empty: from the beginning */
    struct bit_file_changes changes;
    int err;
    char text[BIT_ERR_TEXT_MAX];
};

static void free_resumption(struct bit_resumption *s)
{
    if (s->client != NULL)
        s->client->resumption = NULL;
    if (s->has_replayed)
        bit_run_finish(&s->replayed);
    bit_claim_finish(&s->claim);
    bit_msg_free(s->spec);
    bit_msg_free(s->ask);
    free(s->facts);
    free(s->dir);
    free(s);
}

void bit_resumption_forget(struct bit_resumption *s)
{
    if (s == NULL)
        return;
    s->client = NULL;
    if (bit_user_threads_abandon(&s->looking))
        free_resumption(s);
}

/* ---- checks */

static bool changes_more(const Bit__ResumeRequest *m)
{
    return m->has_from_step || m->has_steps || m->has_stretch || m->has_skip || m->has_force;
}

static int list_checkpoints(const struct bit_run *run, uint64_t wanted)
{
    char list[200] = "";

    for (size_t i = 0; i < run->checkpoints.count; i++)
        bit_format_more(list, sizeof list, "%s%" PRIu64, i > 0 ? ", " : "", run->checkpoints.list[i].step);
    if (list[0] == '\0')
        return bit_fail(BIT_ESTATE, "%s has no checkpoint; without --from it begins from the beginning", run->id);
    return bit_fail(BIT_ESTATE, "%s has no checkpoint of step %" PRIu64 "; it has those of steps %s", run->id, wanted,
                    list);
}

/* A run that only evaluates has no steps to go back to or to add. */
static int check_eval_run(const struct bit_run *run, const Bit__ResumeRequest *m)
{
    if (!bit_spec_evaluates_only(run->spec))
        return 0;
    if (m->has_steps || m->has_stretch || m->has_skip || m->has_from_step)
        return bit_fail(BIT_ESTATE,
                        "%s trains nothing, it evaluates a model: without --steps, --skip and --from it "
                        "goes on where it was",
                        run->id);
    if (run->state == BIT__RUN_STATE__COMPLETED)
        return bit_fail(BIT_ESTATE,
                        "%s has evaluated everything: `bitctl tasks %s` shows it, `bitctl eval` makes "
                        "another run",
                        run->id, run->id);
    return 0;
}

/* --steps must cover the steps that stay, and leave steps after a planned switch. */
static int check_steps(const struct bit_run *run, const Bit__ResumeRequest *m)
{
    uint64_t least = m->has_from_step ? m->from_step + 1 : BIT_MAX(run->step_max, (uint64_t)1);

    if (!m->has_steps && m->has_stretch)
        return bit_fail(BIT_EUSAGE, "--stretch stretches the cosine to --steps N: say N");
    if (run->state == BIT__RUN_STATE__COMPLETED && !m->has_steps && !m->has_from_step)
        return bit_fail(BIT_ESTATE, "%s is completed, all its %" PRIu64 " steps: --steps N makes it train to step N",
                        run->id, run->spec->schedule->steps);
    if (run->state == BIT__RUN_STATE__COMPLETED && !m->has_from_step)
        least = run->step_max + 1;
    if (m->has_steps && m->steps < least)
        return bit_fail(BIT_ESTATE, "--steps %" PRIu64 ": %s has done %" PRIu64 " steps; %" PRIu64 " is the least",
                        m->steps, run->id, run->step_max, least);
    if (m->has_steps && run->plan.planned && !run->switched && run->plan.at_step >= m->steps)
        return bit_fail(BIT_ESTATE, "--steps %" PRIu64 ": the switch is planned after step %" PRIu64, m->steps,
                        run->plan.at_step);
    return 0;
}

/* Refuses steps with a learning rate of 0, which would train nothing. */
static int check_rate(const Bit__RunSpec *spec, const struct bit_run *run, const Bit__ResumeRequest *m)
{
    if (!m->has_steps || m->steps <= spec->schedule->cosine_steps || bit_schedule_lr(spec, &run->plan, m->steps) > 0)
        return 0;
    return bit_fail(
        BIT_ESTATE,
        "--steps %" PRIu64 ": the cosine ends at step %" PRIu64
        " with a learning rate of 0, and later steps learn nothing; --stretch makes it end at step %" PRIu64,
        m->steps, spec->schedule->cosine_steps, m->steps);
}

/* Checks the specification with the requested changes by the rules of all specifications. */
static int check_spec(const struct bit_run *run, const Bit__ResumeRequest *m)
{
    Bit__RunSpec *spec = bit_msg_clone(run->spec);
    struct bit_problems *problems = calloc(1, sizeof *problems);
    int err = spec == NULL || problems == NULL ? bit_fail(-ENOMEM, "a check of %s", run->id) : 0;

    if (err == 0 && m->has_ranks)
        bit_run_set_ranks(spec, m->ranks);
    if (err == 0 && m->has_steps)
        bit_run_set_steps(spec, m->steps, m->has_stretch && m->stretch ? m->steps : 0);
    if (err == 0)
        err = bit_spec_validate(spec, problems);
    if (err < 0 && problems != NULL && problems->count > 0)
        bit_fail(err, "%s: %s", problems->item[0].field, problems->item[0].text);
    if (err >= 0)
        err = check_rate(spec, run, m);
    free(problems);
    bit_msg_free(spec);
    return BIT_MIN(err, 0);
}

static int check(const struct bit_runner *r, const Bit__ResumeRequest *m)
{
    const struct bit_run *run = &r->run;
    bool ends = r->job != NULL && bit_run_ended(run);
    int err = 0;

    if (ends)
        return bit_fail(BIT_EBUSY, "%s is %s, and its ranks are being ended: ask again in a moment", run->id,
                        bit_run_state_name(run->state));
    if (run->state == BIT__RUN_STATE__QUEUED)
        return bit_fail(BIT_ESTATE, "%s is queued already: %s", run->id, run->reason);
    if (r->job != NULL)
        return bit_fail(BIT_ESTATE, "%s is %s: there is nothing to resume", run->id, bit_run_state_name(run->state));
    if (m->has_from_step && bit_run_checkpoint_at(run, m->from_step) == NULL)
        return list_checkpoints(run, m->from_step);
    if (m->has_skip && m->skip > BIT_STEPS_MAX)
        return bit_fail(BIT_EUSAGE, "--skip %" PRIu64 ": that many batches", m->skip);
    err = check_eval_run(run, m);
    if (err == 0)
        err = check_steps(run, m);
    if (err == 0)
        err = check_spec(run, m);
    if (err == 0 && bit_run_ended(run))
        err = bit_runs_check_user(r->runs, run->uid);
    return err;
}

/* ---- on the user's thread */

static int verify(const struct bit_claim *claim, uint64_t step, const char *name)
{
    char path[PATH_MAX];
    Bit__Manifest *manifest = NULL;

    if (snprintf(path, sizeof path, "%s/%s", claim->folder, name) >= (int)sizeof path)
        return bit_fail(-ENAMETOOLONG, "%s", claim->folder);
    int err = bit_manifest_read(path, &manifest);
    if (err == 0)
        err = bit_claim_check(claim, path, step, manifest);
    if (err == 0)
        err = bit_checkpoint_verify(path, manifest, NULL, NULL);
    bit_msg_free(manifest);
    return err;
}

/* Finds the checkpoint that was asked for, or the newest good one. Damaged ones are left to the launch, which finds
 * them again and sets them aside. */
static int find_checkpoint(struct bit_resumption *s)
{
    const struct bit_claim *claim = &s->claim;

    for (size_t i = claim->known_count; i-- > 0;) {
        const struct bit_run_checkpoint *c = &claim->known[i];
        if (s->ask->has_from_step && c->step != s->ask->from_step)
            continue;
        int err = verify(claim, c->step, c->name);
        if (err == 0) {
            s->from = c->step;
            snprintf(s->checkpoint, sizeof s->checkpoint, "%s", c->name);
            return 0;
        }
        if (s->ask->has_from_step)
            return err < 0 ? err : bit_fail(BIT_ESTATE, "%s is of steps that were given up", c->name);
        bit_warn("not good", "run=%s name=%s text=%s", s->run, c->name, bit_fail_text());
    }
    return 0;
}

static int look_at_data(struct bit_resumption *s)
{
    struct bit_feed *feed = NULL;
    int err = bit_feed_create(s->spec, &feed);

    s->changes.others = BIT_FILE_OTHERS_LOOK;
    if (err == 0)
        err = bit_feed_check(feed, s->spec, s->facts, &s->stop, &s->changes);
    bit_feed_destroy(feed);
    return err;
}

static void look(struct bit_user_task *task)
{
    struct bit_resumption *s = task->data;

    if (s->ended)
        s->err = bit_stored_run_replay(s->dir, s->number, s->journal_bytes, &s->replayed);
    s->has_replayed = s->ended && s->err == 0;
    if (s->err == 0)
        s->err = find_checkpoint(s);
    if (s->err == 0)
        s->err = look_at_data(s);
    if (s->err < 0)
        bit_format(s->text, sizeof s->text, "%s", bit_fail_text());
}

/* ---- back on the loop */

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
        return bit_fail(BIT_EBUSY, "%s has changed meanwhile: ask again", r->run.id);
    if (r->env->stopping)
        return bit_fail(BIT_EBUSY, "bitd is going down");
    if (s->changes.other > 0 && !(s->ask->has_force && s->ask->force))
        return bit_fail(BIT_EDATA, "%s; `bitctl resume %s --force` goes on with it as it is now", s->changes.text,
                        r->run.id);
    int err = check(r, s->ask);
    return err < 0 ? err : check_wanted(s, r);
}

static void on_looked(struct bit_user_task *task)
{
    struct bit_resumption *s = task->data;
    struct bit_client *c = s->client;

    if (c == NULL) {
        free_resumption(s);
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
    free_resumption(s);
    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    else
        bit_mutate_resumed(c, r, no_wait, event);
}

static struct bit_resumption *new_resumption(struct bit_client *c, struct bit_runner *r, const Bit__ResumeRequest *m)
{
    struct bit_resumption *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->ask = bit_msg_clone(m);
    s->spec = bit_msg_clone(r->run.spec);
    s->dir = strdup(r->dir);
    s->facts = bit_runner_path(r, "data.pb");
    if (s->ask == NULL || s->spec == NULL || s->dir == NULL || s->facts == NULL || bit_claim_init(&s->claim, r) < 0) {
        free_resumption(s);
        return NULL;
    }
    s->runs = r->runs;
    s->client = c;
    snprintf(s->run, sizeof s->run, "%s", r->run.id);
    s->number = r->run.number;
    s->seq = r->run.seq;
    s->journal_bytes = r->journal.bytes;
    s->ended = bit_run_ended(&r->run);
    c->resumption = s;
    return s;
}

static void begin_looking(struct bit_client *c, struct bit_runner *r, const Bit__ResumeRequest *m)
{
    struct bit_resumption *s = new_resumption(c, r, m);

    if (s == NULL) {
        bit_client_refuse(c, -ENOMEM, "a resume of %s", r->run.id);
        return;
    }
    s->looking = (struct bit_user_task){.uid = c->peer.uid, .data = s, .work = look, .done = on_looked};
    bit_user_threads_start(c->all->user_threads, &s->looking);
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

void bit_resume(struct bit_client *c, const Bit__ResumeRequest *m)
{
    struct bit_runner *r = bit_mutate_begin(c, m->run, m->request_id, BIT_VERB_RESUME);

    if (r == NULL)
        return;
    const struct bit_run_applied *applied = bit_run_find_applied(&r->run, m->request_id);
    int err = applied == NULL ? check(r, m) : 0;
    if (applied != NULL)
        bit_mutate_resumed(c, r, m->has_no_wait && m->no_wait, applied->seq);
    else if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    else if (r->run.state == BIT__RUN_STATE__PAUSED && !changes_more(m))
        resume_paused(c, r, m);
    else
        begin_looking(c, r, m);
}
