#include "daemon/client/submit/fork.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/connection/access.h"
#include "daemon/client/connection/run_names.h"
#include "daemon/client/submit/proof.h"
#include "daemon/client/submit/submit.h"
#include "daemon/run/changes.h"
#include "daemon/run/plans/fork_changes.h"
#include "daemon/store/new_runs/fork_origin.h"
#include "daemon/store/runs/runs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

/* A fork in the making. */
struct asked {
    const struct bit_runner *parent;
    const Bit__ForkRequest *m;
    Bit__RunSpec *was, *is; /* the parent's, with its changes; the fork's */
    struct bit_problems *problems;
    struct bit_fork_changes *changes;
};

static bool is_set(protobuf_c_boolean has, protobuf_c_boolean value)
{
    return has && value;
}

static bool weights_only(const Bit__ForkRequest *m)
{
    return is_set(m->has_weights_only, m->weights_only);
}

/* ---- the specification */

static int apply_set(struct asked *a, const char *assignment)
{
    const size_t key = strcspn(assignment, "=+");
    const char *dot = memrchr(assignment, '.', key);

    if (dot != NULL && key - (size_t)(dot - assignment) == strlen(".preset") && strncmp(dot, ".preset", 7) == 0) {
        bit_problems_add(a->problems, NULL, 0, 0,
                         "%.*s: every field of a run has its value already; name the fields to change", (int)key,
                         assignment);
        return BIT_ESPEC;
    }
    return bit_spec_set(a->is, assignment, a->problems);
}

static int set_text(char **field, const char *text)
{
    char *copy = text != NULL ? strdup(text) : NULL;

    if (text != NULL && copy == NULL)
        return bit_fail(-ENOMEM, "a specification");
    free(*field);
    *field = copy;
    return 0;
}

/* By default the parent's name with the step, so that names stay distinct. A name of --set name=… is kept. */
static int name_it(struct asked *a)
{
    const char *was = a->was->name != NULL ? a->was->name : "";
    char step[32], name[BIT_NAME_MAX + 1];

    if (a->m->name != NULL)
        return set_text(&a->is->name, a->m->name);
    if (a->is->name != NULL && strcmp(a->is->name, was) != 0)
        return 0;
    snprintf(step, sizeof step, "-%" PRIu64, a->m->from_step);
    snprintf(name, sizeof name, "%.*s%s", (int)(BIT_NAME_MAX - strlen(step)), was, step);
    return set_text(&a->is->name, name);
}

static int begin_with_weights(struct asked *a)
{
    char path[PATH_MAX];
    const struct bit_run_checkpoint *at = bit_run_checkpoint_at(&a->parent->run, a->m->from_step);

    if (snprintf(path, sizeof path, "%s/checkpoints/%s", a->parent->dir, at->name) >= (int)sizeof path)
        return bit_fail(-ENAMETOOLONG, "%s", a->parent->dir);
    return set_text(&a->is->model->init_from, path);
}

/* model.init_from is removed from both: a fork begins from the checkpoint (begin_with_weights sets it, if only from the
 * weights). */
static int make_specs(struct asked *a)
{
    const struct bit_run *run = &a->parent->run;
    int err;

    a->was = bit_changes_effective(bit_run_spec_at(run, a->m->from_step + 1), &run->plan);
    a->is = a->was != NULL ? bit_msg_clone(a->was) : NULL;
    a->problems = calloc(1, sizeof *a->problems);
    a->changes = calloc(1, sizeof *a->changes);
    if (a->is == NULL || a->problems == NULL || a->changes == NULL)
        return bit_fail(-ENOMEM, "a fork of %s", run->id);
    err = set_text(&a->was->model->init_from, NULL);
    if (err == 0)
        err = set_text(&a->is->model->init_from, NULL);
    for (size_t i = 0; i < a->m->n_set && err == 0; i++)
        err = apply_set(a, a->m->set[i]);
    if (err == 0)
        err = name_it(a);
    if (err == 0)
        err = bit_spec_normalise(a->was, "/", a->problems);
    if (err == 0)
        err = bit_spec_normalise(a->is, a->m->directory ? a->m->directory : "/", a->problems);
    return err;
}

static int compare(struct asked *a)
{
    const struct bit_run *run = &a->parent->run;
    bool switched = run->switched && run->switched_after < a->m->from_step;
    const struct bit_fork_at at = {.run = run->id,
                                   .step = a->m->from_step,
                                   .switched = switched,
                                   .switched_after = run->switched_after,
                                   .weights_only = weights_only(a->m)};

    bit_fork_changes_find(a->was, a->is, &at, a->changes);
    if (a->changes->refused.count == 0)
        return 0;
    *a->problems = a->changes->refused;
    return BIT_ESPEC;
}

/* ---- rights and the checkpoint */

static int check_checkpoint(const struct bit_run *run, const Bit__ForkRequest *m)
{
    char list[200] = "";

    if (bit_run_checkpoint_at(run, m->from_step) != NULL)
        return 0;
    for (size_t i = 0; i < run->checkpoints.count; i++)
        bit_format_more(list, sizeof list, "%s%" PRIu64, i > 0 ? ", " : "", run->checkpoints.list[i].step);
    return bit_fail(BIT_ESTATE, "%s has no checkpoint of step %" PRIu64 "%s%s", run->id, m->from_step,
                    list[0] ? "; it has those of steps " : "", list);
}

/* A fork has no proof of its own: on another user's bitd it may read only the files that were proven for its parent,
 * which must be a run of the same user. */
static int check_files(const struct bit_client *c, const struct asked *a)
{
    if (!bit_proof_needed(&c->peer) || (a->changes->same_files && a->parent->run.uid == c->peer.uid))
        return 0;
    return bit_fail(BIT_EAUTH,
                    "a fork by uid %u may read only the files that its own run %s reads: for others, submit a run with "
                    "model.init_from",
                    c->peer.uid, a->parent->run.id);
}

static int check(const struct bit_client *c, const struct bit_runner *parent, const Bit__ForkRequest *m)
{
    int err = bit_access_check(&c->peer, &parent->run, BIT_VERB_FROM);

    if (err == 0 && parent->corrupt)
        err = bit_fail(BIT_ECORRUPT, "%s", parent->run.reason);
    if (err == 0 && weights_only(m) && is_set(m->has_fresh_moments, m->fresh_moments))
        err = bit_fail(BIT_EUSAGE, "--weights-only begins with a fresh optimizer: leave --fresh-optimizer out");
    return err == 0 ? check_checkpoint(&parent->run, m) : err;
}

/* ---- the submission */

static struct bit_fork_origin *make_origin(const struct asked *a)
{
    struct bit_fork_origin *o = bit_fork_origin_create(a->parent, a->m->from_step, weights_only(a->m) ? NULL : a->is);
    bool fresh = is_set(a->m->has_fresh_moments, a->m->fresh_moments);

    if (o == NULL)
        return NULL;
    o->m.has_fresh_moments = o->m.fresh_moments = fresh;
    o->m.has_weights_only = o->m.weights_only = weights_only(a->m);
    o->compare = a->changes->same && !fresh && !weights_only(a->m);
    o->same_data = a->changes->same_files;
    o->moments = a->is->optimizer->moments;
    return o;
}

static void hand_on(struct bit_client *c, const struct asked *a)
{
    Bit__SubmitRequest m = BIT__SUBMIT_REQUEST__INIT;
    struct bit_fork_origin *origin = make_origin(a);

    if (origin == NULL) {
        bit_client_refuse(c, -ENOMEM, "a fork of %s", a->parent->run.id);
        return;
    }
    m.spec = a->is;
    m.request_id = a->m->request_id;
    m.has_dry_run = a->m->has_dry_run;
    m.dry_run = a->m->dry_run;
    m.has_paused = a->m->has_paused;
    m.paused = a->m->paused;
    m.directory = a->m->directory;
    m.has_priority = a->m->has_priority;
    m.priority = a->m->priority;
    m.after = a->m->after;
    m.n_after = a->m->n_after;
    bit_submit_fork(c, &m, origin, &a->changes->notes);
}

/* A request that has made its run is answered for that run, whatever its parent's name means now. */
static bool answer_known(struct bit_client *c, const Bit__ForkRequest *m)
{
    Bit__SubmitRequest known = BIT__SUBMIT_REQUEST__INIT;

    known.request_id = m->request_id;
    if (is_set(m->has_dry_run, m->dry_run) || bit_runs_find_request(c->all->runs, m->request_id) == NULL)
        return false;
    bit_submit_fork(c, &known, NULL, NULL);
    return true;
}

static void fork_parent(struct bit_client *c, const Bit__ForkRequest *m)
{
    struct asked a = {.m = m, .parent = bit_run_names_asked(c, m->run, BIT_RUN_READ)};

    if (a.parent == NULL)
        return;
    int err = check(c, a.parent, m);
    if (err == 0)
        err = make_specs(&a);
    if (err == 0)
        err = compare(&a);
    if (err == 0 && weights_only(m))
        err = begin_with_weights(&a);
    if (err == 0)
        err = check_files(c, &a);
    if (err == 0)
        hand_on(c, &a);
    else if (a.problems != NULL && a.problems->count > 0)
        bit_client_refuse_problems(c, BIT_ESPEC, a.problems);
    else
        bit_client_refuse(c, err, "%s", bit_fail_text());
    free(a.changes);
    free(a.problems);
    bit_msg_free(a.was);
    bit_msg_free(a.is);
}

void bit_fork_asked(struct bit_client *c, const Bit__ForkRequest *m)
{
    if (!answer_known(c, m))
        fork_parent(c, m);
}
