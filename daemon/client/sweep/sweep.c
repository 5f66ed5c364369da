#include "daemon/client/sweep/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/client/submit/proof.h"
#include "daemon/client/submit/submit.h"
#include "daemon/client/sweep/sweep_names.h"
#include "daemon/client/sweep/sweep_reply.h"
#include "daemon/client/sweep/sweep_specs.h"
#include "daemon/run/plans/spec_differences.h"
#include "daemon/store/runs/runs.h"
#include "daemon/store/sweeps/sweep_life.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"

/* A sweep whose branches' files are being checked. */
struct asked {
    struct bit_client *client; /* gone if on_looked gets no submission */
    struct bit_sweep *sweep;
    bool dry_run;
    bool *looked; /* for each branch: its files were checked, or those of a branch with the same ones */
    size_t branch;
};

static void free_asked(struct asked *a)
{
    bit_sweep_state_destroy(a->sweep);
    free(a->looked);
    free(a);
}

/* Of `told` only known, dry_run and never are used. */
static void answer(struct bit_client *c, const struct bit_sweep *s, const Bit__SweepReply *told, bool spec)
{
    struct bit_sweep_reply reply;

    if (bit_sweep_reply_make(s, c->all->runs, true, &reply) < 0) {
        bit_client_refuse(c, -ENOMEM, "%s", bit_fail_text());
        return;
    }
    reply.m.has_known = reply.m.known = told->known;
    reply.m.has_dry_run = reply.m.dry_run = told->dry_run;
    reply.m.has_never = reply.m.never = told->never;
    reply.m.common = spec ? s->plan->common : NULL;
    reply.m.directory = spec ? s->plan->directory : NULL;
    bit_client_send(c, BIT_MSG_SWEEP_REPLY, &reply.m);
    bit_client_end(c);
    bit_sweep_reply_finish(&reply);
}

void bit_sweep_answer(struct bit_client *c, const struct bit_sweep *s, bool known, bool dry_run, bool never)
{
    answer(c, s, &(Bit__SweepReply){.known = known, .dry_run = dry_run, .never = never}, false);
}

/* ---- a new sweep */

/* Fields, including those below them, in which two branches may differ. */
struct sought {
    const char *const *field;
    size_t count;
    bool differ;
};

static void find_sought(void *arg, const char *path)
{
    struct sought *s = arg;

    for (size_t i = 0; i < s->count; i++) {
        const size_t bytes = strlen(s->field[i]);
        const bool within = strncmp(path, s->field[i], bytes) == 0 && (path[bytes] == '\0' || path[bytes] == '.');
        if (within && strcmp(path, "model.init_seed") != 0 && strcmp(path, "data.seed") != 0)
            s->differ = true;
    }
}

/* Whether the checks of one hold for the other: they have the same files and take the same memory. */
static bool takes_the_same(const Bit__RunSpec *a, const Bit__RunSpec *b)
{
    static const char *const fields[] = {"data", "eval.set", "eval.task", "model", "batch", "launch"};
    struct sought s = {fields, BIT_COUNT(fields), false};

    bit_spec_differences_find(a, b, find_sought, &s);
    return !s.differ;
}

/* Whether both read the same files in the same way: a sweep keeps one data.pb for all branches. */
static bool reads_the_same(const Bit__RunSpec *a, const Bit__RunSpec *b)
{
    static const char *const fields[] = {"data", "eval.set", "eval.task", "model.context", "model.vocab"};
    struct sought s = {fields, BIT_COUNT(fields), false};

    bit_spec_differences_find(a, b, find_sought, &s);
    return !s.differ;
}

/* Copies what was read from request files. */
static int copy_tasks(const Bit__RunSpec *from, Bit__RunSpec *to)
{
    for (size_t i = 0; i < BIT_MIN(from->eval->n_task, to->eval->n_task); i++) {
        Bit__TaskSpec *copy = bit_msg_clone(from->eval->task[i]);
        if (copy == NULL)
            return bit_fail(-ENOMEM, "the tasks of a branch");
        bit_msg_free(to->eval->task[i]);
        to->eval->task[i] = copy;
    }
    return 0;
}

static int take_looked(struct asked *a, struct bit_submission *s)
{
    Bit__RunSpec *spec = bit_submission_take_spec(s), **all = a->sweep->plan->spec;
    int err = 0;

    for (size_t i = 0; i < a->sweep->plan->n_spec && err == 0; i++) {
        if (a->looked[i] || !takes_the_same(all[a->branch], all[i]))
            continue;
        a->looked[i] = true;
        if (i != a->branch)
            err = copy_tasks(spec, all[i]);
    }
    if (err == 0)
        err = copy_tasks(spec, all[a->branch]);
    bit_msg_free(spec);
    return err;
}

static int keep_files(void *arg, const char *dir)
{
    return bit_submission_keep(arg, dir);
}

static int take_after(struct bit_sweep *s, const struct bit_argv *after)
{
    for (size_t i = 0; i < after->count && i < s->plan->n_after; i++) {
        char *id = strdup(after->item[i]);
        if (id == NULL)
            return bit_fail(-ENOMEM, "a sweep");
        free(s->plan->after[i]);
        s->plan->after[i] = id;
    }
    return 0;
}

/* If the request was sent twice, the other one may have made the sweep meanwhile. */
static bool was_made(struct asked *a, struct bit_client *c)
{
    const struct bit_sweep *known = bit_sweeps_find_request(c->all->sweeps, a->sweep->plan->request_id);

    if (known != NULL)
        bit_sweep_answer(c, known, true, false, false);
    return known != NULL;
}

static void make(struct asked *a, struct bit_client *c, struct bit_submission *s)
{
    struct bit_sweep *made = a->sweep;

    if (was_made(a, c))
        return;
    int err = take_after(made, &s->after);
    a->sweep = NULL;
    if (err == 0)
        err = bit_sweeps_add(c->all->sweeps, made, keep_files, s);
    else
        bit_sweep_state_destroy(made);
    if (err < 0) {
        bit_client_refuse(c, err, "%s", bit_fail_text());
        return;
    }
    bit_sweep_life_look(c->all->sweeps);
    bit_sweep_answer(c, made, false, false, false);
}

static void look_at_next(struct asked *a);

static void on_looked(void *arg, struct bit_submission *s)
{
    struct asked *a = arg;
    struct bit_client *c = a->client;

    if (s == NULL) { /* the client was refused, or has gone */
        free_asked(a);
        return;
    }
    if (take_looked(a, s) < 0) {
        bit_client_refuse(c, -ENOMEM, "%s", bit_fail_text());
        free_asked(a);
        return;
    }
    while (a->branch < a->sweep->plan->n_spec && a->looked[a->branch])
        a->branch++;
    if (a->branch < a->sweep->plan->n_spec) {
        look_at_next(a);
        return;
    }
    if (a->dry_run)
        bit_sweep_answer(c, a->sweep, false, true, false);
    else
        make(a, c, s);
    free_asked(a);
}

static void look_at_next(struct asked *a)
{
    Bit__SubmitRequest m = BIT__SUBMIT_REQUEST__INIT;
    const Bit__SweepPlanned *plan = a->sweep->plan;

    m.spec = plan->spec[a->branch];
    m.request_id = plan->request_id;
    m.has_priority = plan->has_priority;
    m.priority = plan->priority;
    m.n_after = plan->n_after;
    m.after = plan->after;
    bit_submit_look(a->client, &m, on_looked, a);
}

/* Checks the fields in which branches must not differ. */
static int check_files(const struct bit_client *c, const Bit__SweepPlanned *plan)
{
    const char *init = plan->spec[0]->model->init_from;

    for (size_t i = 1; i < plan->n_spec; i++) {
        const char *other = plan->spec[i]->model->init_from;
        if (strcmp(init != NULL ? init : "", other != NULL ? other : "") != 0)
            return bit_fail(BIT_ESPEC, "branch '%s' has another model.init_from than '%s': make a sweep of each",
                            plan->branch[i]->label, plan->branch[0]->label);
        if (bit_proof_needed(&c->peer) && !reads_the_same(plan->spec[0], plan->spec[i]))
            return bit_fail(BIT_EAUTH,
                            "branch '%s' has other data than '%s' (data, eval, model.context or model.vocab), but uid "
                            "%u has proven its access to the files of one only: make a sweep of each",
                            plan->branch[i]->label, plan->branch[0]->label, c->peer.uid);
    }
    return 0;
}

/* Whether to begin; if not, the client has been answered or refused. */
static bool may_begin(struct bit_client *c, const Bit__SweepRequest *m)
{
    const struct bit_sweeps *sweeps = c->all->sweeps;
    const bool dry_run = m->has_dry_run && m->dry_run;
    const struct bit_sweep *known = dry_run ? NULL : bit_sweeps_find_request(sweeps, m->request_id);

    if (m->request_id[0] == '\0' || strlen(m->request_id) > BIT_REQUEST_ID_MAX)
        bit_client_refuse(c, BIT_EMESSAGE, "a request id has 1 to %d bytes", BIT_REQUEST_ID_MAX);
    else if (known != NULL && known->plan->uid != c->peer.uid)
        bit_client_refuse(c, BIT_EAUTH, "another user's request has this id");
    else if (bit_submit_check_user(c) < 0)
        bit_client_refuse(c, BIT_EAUTH, "%s", bit_fail_text());
    else if (known != NULL)
        bit_sweep_answer(c, known, true, false, false);
    else if (sweeps->env->stopping && !dry_run)
        bit_client_refuse(c, BIT_EBUSY, "bitd is going down");
    else if (!dry_run && bit_sweep_names_check_new(m->name) < 0)
        bit_client_refuse(c, BIT_EUSAGE, "%s", bit_fail_text());
    else if (!dry_run && bit_runs_check_room(c->all->runs, c->peer.uid) < 0)
        bit_client_refuse(c, BIT_EBUSY, "%s", bit_fail_text());
    else
        return true;
    return false;
}

/* Takes ownership of plan and progress. */
static struct asked *new_asked(struct bit_client *c, Bit__SweepPlanned *plan, Bit__SweepProgress *progress)
{
    struct asked *a = calloc(1, sizeof *a);
    bool *looked = calloc(plan->n_spec, sizeof *looked);
    struct bit_sweep *s = bit_sweep_state_create(plan, progress);

    if (a == NULL || looked == NULL || s == NULL) {
        bit_sweep_state_destroy(s);
        free(looked);
        free(a);
        return NULL;
    }
    *a = (struct asked){.client = c, .sweep = s, .looked = looked};
    return a;
}

void bit_sweep_asked(struct bit_client *c, const Bit__SweepRequest *m)
{
    Bit__SweepProgress *progress = NULL;
    Bit__SweepPlanned *plan = may_begin(c, m) ? bit_sweep_specs_make(c, m, &progress) : NULL;

    if (plan == NULL)
        return;
    struct asked *a = new_asked(c, plan, progress);
    if (a == NULL) {
        bit_client_refuse(c, -ENOMEM, "a sweep");
        return;
    }
    a->dry_run = m->has_dry_run && m->dry_run;
    int err = check_files(c, a->sweep->plan);
    if (err == 0) {
        look_at_next(a);
        return;
    }
    bit_client_refuse(c, err, "%s", bit_fail_text());
    free_asked(a);
}

/* ---- existing sweeps */

void bit_sweep_query(struct bit_client *c, const Bit__SweepQueryRequest *m)
{
    const struct bit_sweep *s = bit_sweep_names_asked(c, m->sweep, false);

    if (s != NULL)
        answer(c, s, &(Bit__SweepReply){0}, m->has_spec && m->spec);
}

/* Lists as many of the newest as one frame holds. */
static size_t list_all(const struct bit_client *c, bool ended, struct bit_sweep_reply *reply, Bit__SweepReply **list)
{
    const struct bit_sweeps *sweeps = c->all->sweeps;
    size_t count = 0, bytes = 0;

    for (size_t i = sweeps->count; i-- > 0;) {
        struct bit_sweep_reply *r = &reply[count];
        if (bit_sweep_reply_make(sweeps->sweep[i], c->all->runs, false, r) < 0)
            break;
        bytes += bit__sweep_reply__get_packed_size(&r->m) + 8;
        if (bytes > BIT_FRAME_BODY_MAX || (!ended && bit_sweep_reply_is_end(r->m.state))) {
            bit_sweep_reply_finish(r);
            if (bytes > BIT_FRAME_BODY_MAX)
                break;
            continue;
        }
        list[sweeps->count - ++count] = &r->m;
    }
    return count;
}

void bit_sweep_list(struct bit_client *c, const Bit__SweepListRequest *m)
{
    const size_t room = c->all->sweeps->count;
    struct bit_sweep_reply *reply = calloc(room + 1, sizeof *reply);
    Bit__SweepReply **list = calloc(room + 1, sizeof *list);
    Bit__SweepListReply answer = BIT__SWEEP_LIST_REPLY__INIT;

    if (reply == NULL || list == NULL) {
        bit_client_refuse(c, -ENOMEM, "a list of sweeps");
    } else {
        answer.n_sweep = list_all(c, m->has_all && m->all, reply, list);
        answer.sweep = list + room - answer.n_sweep;
        bit_client_send(c, BIT_MSG_SWEEP_LIST_REPLY, &answer);
        bit_client_end(c);
        for (size_t i = 0; i < answer.n_sweep; i++)
            bit_sweep_reply_finish(&reply[i]);
    }
    free(reply);
    free(list);
}
