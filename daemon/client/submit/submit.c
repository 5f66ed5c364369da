#include "daemon/client/submit/submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/client/connection/access.h"
#include "daemon/client/connection/run_names.h"
#include "daemon/client/submit/after_asked.h"
#include "daemon/client/submit/command_lines.h"
#include "daemon/client/submit/plan_query.h"
#include "daemon/client/submit/proof.h"
#include "daemon/client/submit/sbatch_query.h"
#include "daemon/client/submit/submit_check.h"
#include "daemon/feed/feed.h"
#include "daemon/store/beginnings.h"
#include "daemon/store/fork_origin.h"
#include "daemon/store/init_from.h"
#include "daemon/store/runs.h"
#include "proto/check.h"
#include "proto/dryrun/dry_reply.h"
#include "proto/dryrun/task_look.h"
#include "proto/dryrun/token_look.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("submit");

struct bit_submission {
    struct bit_user_task looking;
    const struct bit_env *env;
    struct bit_runs *runs;
    struct bit_client *client; /* NULL when it has gone */
    Bit__RunSpec *spec;
    char request_id[BIT_REQUEST_ID_MAX + 1];
    uint32_t uid;
    bool dry_run, paused, proving, looks;
    int32_t priority;
    struct bit_argv after;           /* as the journal has it */
    struct bit_proof *proof;         /* of a submitter who is not this bitd's user */
    struct bit_feed *feed;           /* what was proven; opened again when the run is launched */
    struct bit_init_from *init_from; /* of model.init_from, if there is one */
    struct bit_fork_origin *fork;    /* where it begins, if it is a fork */
    struct bit_token_look tokens;
    struct bit_problems problems, notes; /* of what it names */
    int err;
    char text[BIT_ERR_TEXT_MAX];
    enum bit_sbatch_answer slurm; /* of SBATCH: whether Slurm would take its job, and why not */
    char slurm_text[BIT_ERR_TEXT_MAX];
    bit_submission_looked *looked; /* who is told instead of a run being made; NULL: nobody */
    void *looked_arg;
};

static void free_submission(struct bit_submission *s)
{
    if (s->looked != NULL) /* refused, or nobody is left to answer to */
        s->looked(s->looked_arg, NULL);
    if (s->client != NULL)
        s->client->submission = NULL;
    bit_proof_destroy(s->proof);
    bit_feed_destroy(s->feed);
    bit_fork_origin_destroy(s->fork);
    bit_argv_finish(&s->after);
    free(s->init_from);
    bit_msg_free(s->spec);
    free(s);
}

void bit_submission_forget(struct bit_submission *s)
{
    if (s == NULL)
        return;
    s->client = NULL;
    if (s->proving) /* no client is left to prove it */
        free_submission(s);
    else if (s->looks && bit_user_threads_abandon(&s->looking))
        free_submission(s); /* everything else that it waits for ends by itself */
}

static void refuse(struct bit_submission *s, int err, const char *text)
{
    if (s->client != NULL)
        bit_client_refuse(s->client, err, "%s", text);
    free_submission(s);
}

/* ---- the answers */

/* notes: of a fork, what its changes mean; NULL where nothing is to be said. */
static void answer_submitted(struct bit_client *c, const struct bit_runner *r, bool known,
                             const struct bit_problems *notes)
{
    Bit__SubmitReply m = BIT__SUBMIT_REPLY__INIT;
    char text[BIT_PROBLEMS_MAX][BIT_ERR_TEXT_MAX], *list[BIT_PROBLEMS_MAX];

    for (int i = 0; notes != NULL && i < bit_problems_kept(notes); i++) {
        list[m.n_note++] = text[i];
        bit_format(text[i], sizeof text[i], "%s: %s", notes->item[i].field, notes->item[i].text);
    }
    m.note = list;

    m.run = bit_lend(r->run.id);
    m.name = r->run.spec->name ? r->run.spec->name : m.run;
    m.event = r->run.seq;
    m.has_known = m.known = known;
    bit_client_send(c, BIT_MSG_SUBMIT_REPLY, &m);
    bit_client_end(c);
}

int bit_submission_keep(const struct bit_submission *s, const char *dir)
{
    char data[BIT_CONFIG_PATH_MAX + 64], init[BIT_CONFIG_PATH_MAX + 64];
    int err = s->init_from != NULL ? bit_beginnings_check(s->runs, s->init_from->origin.path) : 0;

    snprintf(data, sizeof data, "%s/data.pb", dir);
    snprintf(init, sizeof init, "%s/init.pb", dir);
    if (err == 0 && s->proof != NULL)
        err = bit_feed_keep(s->feed, data);
    if (err == 0 && s->init_from != NULL)
        err = bit_init_from_keep(s->init_from, init);
    return err;
}

/* From now on the run may read what was proven, or looked at, and no other file. A run of another user without that
 * note may read none. */
static void keep_proof(const struct bit_submission *s, struct bit_runner *r)
{
    int err = bit_submission_keep(s, r->dir);

    if (err < 0)
        bit_runner_fail(r, bit_exit_code(err), "%s", bit_fail_text());
}

Bit__RunSpec *bit_submission_take_spec(struct bit_submission *s)
{
    Bit__RunSpec *spec = s->spec;

    s->spec = NULL;
    return spec;
}

const struct bit_argv *bit_submission_after(const struct bit_submission *s)
{
    return &s->after;
}

/* It has no client any more then: who was told answers, and may begin another. */
static void tell_looked(struct bit_submission *s)
{
    bit_submission_looked *looked = s->looked;

    s->looked = NULL;
    s->client->submission = NULL;
    s->client = NULL;
    looked(s->looked_arg, s);
    free_submission(s);
}

static int add_run(struct bit_submission *s, Bit__RunSpec *spec, struct bit_runner **out)
{
    Bit__RunSubmitted asked = BIT__RUN_SUBMITTED__INIT;

    asked.request_id = s->request_id;
    asked.uid = s->uid;
    asked.paused = s->paused;
    asked.has_priority = s->priority != 0;
    asked.priority = s->priority;
    asked.after = s->after.item;
    asked.n_after = s->after.count;
    return bit_runs_add(s->runs, spec, &asked, s->fork, NULL, out);
}

static void make_run(struct bit_submission *s)
{
    struct bit_runner *r = bit_runs_find_request(s->runs, s->request_id); /* sent twice, and both were being checked */
    const bool known = r != NULL;

    if (!known) {
        Bit__RunSpec *spec = s->spec;
        s->spec = NULL;
        int err = s->init_from != NULL ? bit_beginnings_check(s->runs, s->init_from->origin.path) : 0;
        if (err == 0)
            err = add_run(s, spec, &r);
        else
            bit_msg_free(spec);
        if (err == 0)
            keep_proof(s, r);
        if (err < 0) {
            refuse(s, err, bit_fail_text());
            return;
        }
    }
    answer_submitted(s->client, r, known, s->fork != NULL ? &s->notes : NULL);
    free_submission(s);
    bit_runs_schedule(r->runs);
}

/* What is worth to be said and no reason to refuse it. */
static void warn_of_slurm(const struct bit_submission *s, struct bit_dry_reply *reply)
{
    char text[BIT_ERR_TEXT_MAX];

    if (s->slurm == BIT_SBATCH_TAKEN)
        return;
    bit_format(text, sizeof text, "%s: %s",
               s->slurm == BIT_SBATCH_NOT_NOW ? "sbatch --test-only did not tell whether Slurm would take the job"
                                              : "with the nodes that Slurm has now, it would not start the job",
               s->slurm_text);
    bit_dry_reply_warn(reply, "launch.slurm", text);
}

static void answer_dry_run(struct bit_submission *s, const struct bit_plan_answer *plan)
{
    const struct bit_dry_facts facts = {
        .tokens = &s->tokens, .notes = &s->notes, .plan = plan, .state = s->env->config->state};
    struct bit_dry_reply reply;
    struct bit_argv lines = {0};
    int err = bit_dry_reply_make(&reply, s->spec, &facts);

    if (err < 0) {
        refuse(s, err, bit_fail_text());
        return;
    }
    if (bit_command_lines_make(s->env->config, s->spec, &lines) < 0)
        bit_dry_reply_warn(&reply, NULL, bit_fail_text());
    warn_of_slurm(s, &reply);
    reply.m.command = lines.item;
    reply.m.n_command = lines.count;
    bit_client_send(s->client, BIT_MSG_DRY_RUN_REPLY, &reply.m);
    bit_client_end(s->client);
    bit_argv_finish(&lines);
    free_submission(s);
}

/* ---- the checks, one after the other */

static void on_planned(void *arg, const struct bit_plan_answer *plan)
{
    struct bit_submission *s = arg;

    if (s->client == NULL)
        free_submission(s);
    else if (plan->refused)
        refuse(s, BIT_ESPEC, plan->text);
    else if (bit_plan_answer_fits(plan, s->spec->launch) < 0)
        refuse(s, BIT_EMEMORY, bit_fail_text());
    else if (s->looked != NULL)
        tell_looked(s);
    else if (s->dry_run)
        answer_dry_run(s, plan);
    else {
        if (plan->ready == NULL)
            bit_warn("not planned", "text=%s", plan->text);
        make_run(s);
    }
}

static void begin_planning(struct bit_submission *s)
{
    int err = bit_plan_query_start(s->env, s->spec, on_planned, s);

    if (err < 0)
        refuse(s, err, bit_fail_text());
}

/* Told now rather than when a slot is free. What depends on the nodes of the moment is for Slurm to wait for. */
static void on_sbatch_tested(void *arg, enum bit_sbatch_answer answer, const char *text)
{
    struct bit_submission *s = arg;

    s->slurm = answer;
    bit_format(s->slurm_text, sizeof s->slurm_text, "%s", text);
    if (s->client == NULL) {
        free_submission(s);
    } else if (answer == BIT_SBATCH_REFUSED) {
        bit_problems_add(&s->problems, "launch.slurm", 0, 0, "sbatch refuses it: %s", text);
        bit_client_refuse_problems(s->client, BIT_ESPEC, &s->problems);
        free_submission(s);
    } else {
        begin_planning(s);
    }
}

static void ask_slurm(struct bit_submission *s)
{
    int err = bit_sbatch_query_start(s->env, s->spec, on_sbatch_tested, s);

    if (err < 0)
        refuse(s, err, bit_fail_text());
}

/* What the model begins from, where model.init_from is set. */
static int look_at_init(struct bit_submission *s)
{
    char runs[BIT_CONFIG_PATH_MAX + 16];
    const char *from = s->spec->model->init_from;

    if (from == NULL || from[0] == '\0')
        return 0;
    s->init_from = calloc(1, sizeof *s->init_from);
    if (s->init_from == NULL)
        return bit_fail(-ENOMEM, "model.init_from");
    snprintf(runs, sizeof runs, "%s/runs", s->env->config->state);
    return bit_init_look(s->spec->model, s->proof != NULL ? bit_proof_init(s->proof) : NULL, runs, &s->problems,
                         &s->notes, s->init_from);
}

static int look_at_tokens(struct bit_submission *s)
{
    struct bit_token_shown shown;
    size_t count;

    if (s->proof == NULL)
        return bit_token_look(s->spec, NULL, true, &s->problems, &s->tokens);
    shown = (struct bit_token_shown){bit_proof_files(s->proof, &count), bit_proof_sidecars(s->proof)};
    int err = bit_proof_check(s->proof);
    return err < 0 ? err : bit_token_look(s->spec, &shown, true, &s->problems, &s->tokens);
}

/* After the tokens, of which the proof was checked. */
static int look_at_tasks(struct bit_submission *s)
{
    size_t count;

    return bit_task_look(s->spec, s->proof != NULL ? bit_proof_files(s->proof, &count) : NULL, true, &s->problems);
}

/* What another user proved is kept with the run, so that it is opened now. */
static int open_proven(struct bit_submission *s)
{
    const struct bit_file_id *sidecars = bit_proof_sidecars(s->proof);
    size_t count;
    const struct bit_file_id *proven = bit_proof_files(s->proof, &count);
    int err = bit_feed_create(s->spec, &s->feed);

    if (err == 0) /* the last are request files, which the specification knows by their digests now */
        err = bit_feed_prove(s->feed, proven, count - s->spec->eval->n_task);
    if (err < 0)
        return err;
    bit_feed_weigh(s->feed, s->spec, sidecars);
    return bit_feed_note_checksums(s->feed, sidecars);
}

static int look_at_fork(struct bit_submission *s)
{
    return s->fork != NULL ? bit_fork_origin_look(s->fork) : 0;
}

static bool is_last(int err)
{
    return err == BIT_EAUTH || err == -ENOMEM;
}

/* All are looked at, so that all that is wrong is told at once; but nothing after what may not be told. */
static int look_at_files(struct bit_submission *s)
{
    static int (*const look[])(struct bit_submission *) = {look_at_init, look_at_tokens, look_at_tasks, look_at_fork};
    int err = 0;

    for (size_t i = 0; i < BIT_COUNT(look) && !is_last(err); i++) {
        int of_these = look[i](s);
        if (of_these < 0 && (err == 0 || is_last(of_these)))
            err = of_these;
    }
    return err == 0 && s->proof != NULL ? open_proven(s) : err;
}

/* A stat or an open may hang where a user has mounted something: not where tokens are read for training. */
static void look_at_data(struct bit_user_task *task)
{
    struct bit_submission *s = task->data;

    s->err = look_at_files(s);
    if (s->err < 0)
        bit_format(s->text, sizeof s->text, "%s", bit_fail_text());
}

/* To start from a checkpoint of another run of this bitd, without reading it himself, the submitter needs the right
 * to. */
static int check_init_run(const struct bit_submission *s)
{
    if (s->init_from == NULL || s->init_from->run[0] == '\0')
        return 0;
    struct bit_runner *from = NULL;
    char note[BIT_RUN_NOTE_MAX];
    int err = bit_run_names_find(s->runs, s->init_from->run, s->uid, BIT_RUN_READ, &from, note);
    return err < 0 ? err : bit_access_check(&s->client->peer, &from->run, BIT_VERB_FROM);
}

static void on_looked(struct bit_user_task *task)
{
    struct bit_submission *s = task->data;

    s->looks = false;
    if (s->client == NULL) {
        free_submission(s);
    } else if (check_init_run(s) < 0) { /* before the client is told anything of what is in it */
        refuse(s, BIT_EAUTH, bit_fail_text());
    } else if (s->err < 0 && s->err != BIT_EAUTH && s->problems.count > 0) {
        bit_client_refuse_problems(s->client, s->err, &s->problems);
        free_submission(s);
    } else if (s->err < 0) {
        refuse(s, s->err == -ENOENT ? BIT_EDATA : s->err, s->text);
    } else if (s->spec->launch->launcher == BIT__LAUNCHER__SBATCH) {
        ask_slurm(s);
    } else {
        begin_planning(s);
    }
}

/* ---- the beginning */

static void begin_looking(struct bit_submission *s)
{
    s->looks = true;
    s->looking = (struct bit_user_task){.uid = s->uid, .data = s, .work = look_at_data, .done = on_looked};
    bit_user_threads_start(s->client->all->user_threads, &s->looking);
}

static void on_proven(void *arg, int err)
{
    struct bit_submission *s = arg;

    s->proving = false;
    if (err < 0)
        refuse(s, err, bit_fail_text());
    else
        begin_looking(s);
}

static struct bit_submission *new_submission(struct bit_client *c, const Bit__SubmitRequest *m, Bit__RunSpec *spec)
{
    struct bit_submission *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->env = c->all->env;
    s->runs = c->all->runs;
    s->client = c;
    s->spec = spec;
    s->uid = c->peer.uid;
    s->dry_run = m->has_dry_run && m->dry_run;
    s->paused = m->has_paused && m->paused;
    s->priority = m->has_priority ? m->priority : 0;
    snprintf(s->request_id, sizeof s->request_id, "%s", m->request_id);
    c->submission = s;
    return s;
}

/* A submission that the rules allow; NULL with the client refused. */
static struct bit_submission *check_submission(struct bit_client *c, const Bit__SubmitRequest *m)
{
    Bit__RunSpec *spec = bit_msg_clone(m->spec);

    if (spec == NULL) {
        bit_client_refuse(c, -ENOMEM, "a specification");
        return NULL;
    }
    if (bit_submit_check(c, spec, m->directory ? m->directory : "/") < 0) {
        bit_msg_free(spec);
        return NULL;
    }
    struct bit_argv after = {0};
    int err = bit_after_asked(c, m, &after);
    struct bit_submission *s = err == 0 ? new_submission(c, m, spec) : NULL;
    if (s == NULL) {
        bit_msg_free(spec);
        bit_argv_finish(&after);
        bit_client_refuse(c, err < 0 ? err : -ENOMEM, "%s", err < 0 ? bit_fail_text() : "a submission");
        return NULL;
    }
    s->after = after;
    return s;
}

static void begin_with_files(struct bit_client *c, struct bit_submission *s)
{
    if (s->fork != NULL || !bit_proof_needed(&c->peer)) { /* a fork reads what its parent reads */
        begin_looking(s);
        return;
    }
    s->proving = true; /* a client that is dropped while it is asked takes the submission with it */
    int err = bit_proof_start(c, s->spec, on_proven, s, &s->proof);
    if (err < 0)
        refuse(s, err, bit_fail_text());
}

/* Takes fork, which is NULL where it is none. */
static void begin(struct bit_client *c, const Bit__SubmitRequest *m, struct bit_fork_origin *fork,
                  const struct bit_problems *notes)
{
    struct bit_submission *s = check_submission(c, m);

    if (s == NULL) {
        bit_fork_origin_destroy(fork);
        return;
    }
    s->fork = fork;
    if (notes != NULL)
        s->notes = *notes;
    begin_with_files(c, s);
}

void bit_submit_look(struct bit_client *c, const Bit__SubmitRequest *m, bit_submission_looked *looked, void *arg)
{
    struct bit_submission *s = check_submission(c, m);

    if (s == NULL) {
        looked(arg, NULL);
        return;
    }
    s->looked = looked;
    s->looked_arg = arg;
    begin_with_files(c, s);
}

/* Root's bitd trains as root. */
int bit_submit_check_user(const struct bit_client *c)
{
    if (geteuid() != 0 || c->peer.uid == 0)
        return 0;
    return bit_fail(BIT_EAUTH,
                    "this bitd is root's, and would read files and train as root for uid %u: start one of your own "
                    "(bitd &), or have one run as a user of its own (bitd.service)",
                    c->peer.uid);
}

/* Whether it is to be begun; else it has been answered, or refused. */
static bool may_begin(struct bit_client *c, const Bit__SubmitRequest *m)
{
    const struct bit_runs *runs = c->all->runs;
    bool dry_run = m->has_dry_run && m->dry_run;

    if (m->request_id[0] == '\0' || strlen(m->request_id) > BIT_REQUEST_ID_MAX) {
        bit_client_refuse(c, BIT_EMESSAGE, "a request id has 1 to %d bytes", BIT_REQUEST_ID_MAX);
        return false;
    }
    struct bit_runner *known = dry_run ? NULL : bit_runs_find_request(runs, m->request_id);
    if (known != NULL && known->run.uid != c->peer.uid)
        bit_client_refuse(c, BIT_EAUTH, "another user's request has this id");
    else if (bit_submit_check_user(c) < 0)
        bit_client_refuse(c, BIT_EAUTH, "%s", bit_fail_text());
    else if (known != NULL)
        answer_submitted(c, known, true, NULL);
    else if (runs->env->stopping && !dry_run)
        bit_client_refuse(c, BIT_EBUSY, "bitd is going down");
    else if (!dry_run && bit_runs_check_room(runs, c->peer.uid) < 0)
        bit_client_refuse(c, BIT_EBUSY, "%s", bit_fail_text());
    else
        return true;
    return false;
}

void bit_submit(struct bit_client *c, const Bit__SubmitRequest *m)
{
    if (may_begin(c, m))
        begin(c, m, NULL, NULL);
}

void bit_submit_fork(struct bit_client *c, const Bit__SubmitRequest *m, struct bit_fork_origin *origin,
                     const struct bit_problems *notes)
{
    if (may_begin(c, m))
        begin(c, m, origin, notes);
    else
        bit_fork_origin_destroy(origin);
}
