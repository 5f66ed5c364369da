#include "daemon/client/submit/submit.h"

#include <string.h>
#include <unistd.h>

#include "daemon/client/connection/access.h"
#include "daemon/client/connection/run_names.h"
#include "daemon/client/submit/after_asked.h"
#include "daemon/client/submit/plan_query.h"
#include "daemon/client/submit/proof.h"
#include "daemon/client/submit/sbatch_query.h"
#include "daemon/client/submit/submission.h"
#include "daemon/client/submit/submission_answer.h"
#include "daemon/client/submit/submission_look.h"
#include "daemon/client/submit/submit_check.h"
#include "daemon/store/checkpoints/init_from.h"
#include "daemon/store/new_runs/fork_origin.h"
#include "daemon/store/runs/runs.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("submit");

/* ---- the checks, one after the other */

static void on_planned(void *arg, const struct bit_plan_answer *plan)
{
    struct bit_submission *s = arg;

    if (s->client == NULL)
        bit_submission_destroy(s);
    else if (plan->refused)
        bit_submission_refuse(s, BIT_ESPEC, plan->text);
    else if (bit_plan_answer_fits(plan, s->spec->launch) < 0)
        bit_submission_refuse(s, BIT_EMEMORY, bit_fail_text());
    else if (s->looked != NULL)
        bit_submission_answer_looked(s);
    else if (s->dry_run)
        bit_submission_answer_dry_run(s, plan);
    else {
        if (plan->ready == NULL)
            bit_warn("not planned", "text=%s", plan->text);
        bit_submission_answer_run(s);
    }
}

static void begin_planning(struct bit_submission *s)
{
    int err = bit_plan_query_start(s->env, s->spec, on_planned, s);

    if (err < 0)
        bit_submission_refuse(s, err, bit_fail_text());
}

/* A refusal is reported now rather than when a slot is free. For nodes that are only busy now, Slurm waits. */
static void on_sbatch_tested(void *arg, enum bit_sbatch_answer answer, const char *text)
{
    struct bit_submission *s = arg;

    s->slurm = answer;
    bit_format(s->slurm_text, sizeof s->slurm_text, "%s", text);
    if (s->client == NULL) {
        bit_submission_destroy(s);
    } else if (answer == BIT_SBATCH_REFUSED) {
        bit_problems_add(&s->problems, "launch.slurm", 0, 0, "sbatch refuses it: %s", text);
        bit_client_refuse_problems(s->client, BIT_ESPEC, &s->problems);
        bit_submission_destroy(s);
    } else {
        begin_planning(s);
    }
}

static void ask_slurm(struct bit_submission *s)
{
    int err = bit_sbatch_query_start(s->env, s->spec, on_sbatch_tested, s);

    if (err < 0)
        bit_submission_refuse(s, err, bit_fail_text());
}

/* On the user's thread, not on the pool that reads tokens for training: a stat or an open may hang on a user's
 * mount. */
static void look_at_data(struct bit_user_task *task)
{
    struct bit_submission *s = task->data;

    s->err = bit_submission_look(s);
    if (s->err < 0)
        bit_format(s->text, sizeof s->text, "%s", bit_fail_text());
}

/* To start from another run's checkpoint, which bitd reads for him, the submitter needs BIT_VERB_FROM on that run. */
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
        bit_submission_destroy(s);
    } else if (check_init_run(s) < 0) { /* before the client learns anything about its content */
        bit_submission_refuse(s, BIT_EAUTH, bit_fail_text());
    } else if (s->err < 0 && s->err != BIT_EAUTH && s->problems.count > 0) {
        bit_client_refuse_problems(s->client, s->err, &s->problems);
        bit_submission_destroy(s);
    } else if (s->err < 0) {
        bit_submission_refuse(s, s->err == -ENOENT ? BIT_EDATA : s->err, s->text);
    } else if (s->spec->launch->launcher == BIT__LAUNCHER__SBATCH) {
        ask_slurm(s);
    } else {
        begin_planning(s);
    }
}

/* ---- begin */

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
        bit_submission_refuse(s, err, bit_fail_text());
    else
        begin_looking(s);
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
    struct bit_submission *s = err == 0 ? bit_submission_create(c, m, spec) : NULL;
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
    s->proving = true; /* set first: if the client is dropped in bit_proof_start, the submission is destroyed with it */
    int err = bit_proof_start(c, s->spec, on_proven, s, &s->proof);
    if (err < 0)
        bit_submission_refuse(s, err, bit_fail_text());
}

/* Takes ownership of fork, which may be NULL. */
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

/* A bitd of root would train as root for others. */
int bit_submit_check_user(const struct bit_client *c)
{
    if (geteuid() != 0 || c->peer.uid == 0)
        return 0;
    return bit_fail(BIT_EAUTH,
                    "this bitd is root's, and would read files and train as root for uid %u: start one of your own "
                    "(bitd &), or have one run as a user of its own (bitd.service)",
                    c->peer.uid);
}

/* Whether to begin; if not, the client has been answered or refused. */
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
        bit_submission_answer_known(c, known);
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
