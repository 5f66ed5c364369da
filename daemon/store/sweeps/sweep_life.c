#include "daemon/store/sweeps/sweep_life.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/checkpoints/bad_checkpoints.h"
#include "daemon/store/new_runs/fork_origin.h"
#include "daemon/store/new_runs/new_run.h"
#include "daemon/store/runs/runs.h"
#include "daemon/store/sweeps/sweep_parents.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("sweep_life");

#define READ_AGAIN_MS 10000 /* after a checkpoint could not be read */

/* A fork's origin, being read on the pool. */
struct reading {
    uv_work_t work;
    struct bit_sweeps *sweeps;
    struct bit_fork_origin *origin;
    char sweep[BIT_RUN_ID_MAX];
    size_t branch;
    int err;
    char text[BIT_ERR_TEXT_MAX];
};

/* ---- progress */

static void keep(struct bit_sweeps *sweeps, struct bit_sweep *s)
{
    if (bit_sweep_state_keep(s) < 0)
        bit_error("not kept", "sweep=%s text=%s", s->id, bit_fail_text());
    sweeps->changed(sweeps->owner, s);
}

/* Note why the next run cannot be made yet; each reason is reported once. */
static void wait_for(struct bit_sweeps *sweeps, struct bit_sweep *s, size_t branch)
{
    if (strcmp(s->waits, bit_fail_text()) == 0)
        return;
    bit_format(s->waits, sizeof s->waits, "%s", bit_fail_text());
    bit_sweep_state_tell(s, (int)branch, "not made yet: %s", s->waits);
    keep(sweeps, s);
}

/* ---- making a run */

/* The branch's specification, with checkpoints added where branches that are still to be made begin from it. */
static Bit__RunSpec *make_spec(const struct bit_sweep *s, size_t branch)
{
    Bit__RunSpec *spec = bit_msg_clone(s->plan->spec[branch]);

    for (size_t i = 0; spec != NULL && i < s->plan->n_branch; i++) {
        const Bit__SweepPlace *place = s->progress->place[i];
        if (i == branch || place->parent != branch || bit_sweep_state_is_settled(s, i))
            continue;
        if (bit_sweep_plan_add_checkpoint(spec, place->from_step) < 0) {
            bit_msg_free(spec);
            return NULL;
        }
    }
    if (spec != NULL && !bit_sweep_state_is_root(s, branch)) { /* the weights come from the checkpoint */
        free(spec->model->init_from);
        spec->model->init_from = NULL;
    }
    return spec;
}

/* The first record of a branch's run. request_id is borrowed. */
static Bit__RunSubmitted submitted_as(const struct bit_sweep *s, size_t branch, char *request_id)
{
    Bit__RunSubmitted asked = BIT__RUN_SUBMITTED__INIT;

    asked.request_id = request_id;
    asked.uid = s->plan->uid;
    asked.has_priority = s->plan->has_priority;
    asked.priority = s->plan->priority;
    asked.n_after = s->plan->n_after;
    asked.after = s->plan->after;
    asked.sweep = (char *)(uintptr_t)s->id;
    asked.has_branch = true;
    asked.branch = (uint32_t)branch;
    asked.label = s->plan->branch[branch]->label;
    return asked;
}

static int add(struct bit_sweeps *sweeps, struct bit_sweep *s, size_t branch, const struct bit_fork_origin *origin)
{
    Bit__RunSpec *spec = make_spec(s, branch);
    struct bit_runner *r = NULL;
    char request_id[BIT_REQUEST_ID_MAX + 1];

    if (spec == NULL)
        return bit_fail(-ENOMEM, "a run of %s", s->id);
    char *id = malloc(BIT_RUN_ID_MAX); /* allocated first: once the run exists, it must be noted */
    if (id == NULL) {
        bit_msg_free(spec);
        return bit_fail(-ENOMEM, "a run of %s", s->id);
    }
    snprintf(request_id, sizeof request_id, "%s-branch-%zu", s->id, branch);
    const Bit__RunSubmitted asked = submitted_as(s, branch, request_id);
    int err = bit_new_run_make(sweeps->runs, spec, &asked, origin, origin == NULL ? s->dir : NULL, &r);
    if (err < 0) {
        free(id);
        return err;
    }
    snprintf(id, BIT_RUN_ID_MAX, "%s", r->run.id);
    s->progress->place[branch]->run = id;
    s->waits[0] = '\0';
    if (origin == NULL)
        bit_sweep_state_tell(s, (int)branch, "%s begins at step 1", r->run.id);
    else
        bit_sweep_state_tell(s, (int)branch, "%s begins from %s after step %" PRIu64, r->run.id, origin->run,
                             origin->m.step);
    keep(sweeps, s);
    bit_runs_schedule(sweeps->runs);
    return 0;
}

/* ---- making a fork */

static void read_in_pool(uv_work_t *work)
{
    struct reading *p = work->data;

    p->err = bit_fork_origin_look(p->origin);
    if (p->err < 0)
        bit_format(p->text, sizeof p->text, "%s", bit_fail_text());
}

static bool is_damaged(int err)
{
    return err == BIT_ECORRUPT || err == BIT_EDIFFERS || err == -ENOENT;
}

/* Whether the branch must still begin there: the sweep, the parent and its plan may have changed meanwhile. */
static bool is_wanted(const struct reading *p, const struct bit_sweep *s, const struct bit_runner *parent)
{
    return s != NULL && parent != NULL && !s->progress->paused && !bit_sweep_state_is_settled(s, p->branch) &&
           bit_sweep_state_run(s, p->sweeps->runs, s->progress->place[p->branch]->parent) == parent &&
           s->progress->place[p->branch]->from_step == p->origin->m.step &&
           bit_run_checkpoint_at(&parent->run, p->origin->m.step) != NULL;
}

static void take(struct reading *p, struct bit_sweep *s, struct bit_runner *parent)
{
    if (p->err == 0)
        p->err = add(p->sweeps, s, p->branch, p->origin);
    else
        bit_fail(p->err, "%s", p->text);
    if (p->err >= 0)
        return;
    wait_for(p->sweeps, s, p->branch);
    s->again_ms = uv_now(p->sweeps->env->loop) + READ_AGAIN_MS;
    if (is_damaged(p->err) && parent->job == NULL && !parent->corrupt)
        bit_bad_checkpoints_record_one(parent, p->origin->checkpoint, p->text);
}

static void on_read(uv_work_t *work, int status)
{
    struct reading *p = work->data;
    struct bit_sweep *s = bit_sweeps_find(p->sweeps, p->sweep);
    struct bit_runner *parent = bit_runs_find(p->sweeps->runs, p->origin->run);

    if (s != NULL)
        s->making = false;
    if (!p->sweeps->env->stopping && is_wanted(p, s, parent))
        take(p, s, parent);
    if (!p->sweeps->env->stopping && p->err >= 0)
        bit_sweep_life_look_soon(p->sweeps);
    bit_fork_origin_destroy(p->origin);
    free(p);
}

static int begin_fork(struct bit_sweeps *sweeps, struct bit_sweep *s, size_t branch, const struct bit_runner *parent)
{
    struct reading *p = calloc(1, sizeof *p);

    if (p == NULL || (p->origin = bit_fork_origin_create(parent, s->progress->place[branch]->from_step,
                                                         s->plan->spec[branch])) == NULL) {
        free(p);
        return bit_fail(-ENOMEM, "a fork of %s", parent->run.id);
    }
    p->origin->same_data = true;
    p->work.data = p;
    p->sweeps = sweeps;
    p->branch = branch;
    snprintf(p->sweep, sizeof p->sweep, "%s", s->id);
    int err = uv_queue_work(sweeps->env->loop, &p->work, read_in_pool, on_read);
    if (err < 0) {
        bit_fork_origin_destroy(p->origin);
        free(p);
        return bit_fail(err, "a fork of %s", parent->run.id);
    }
    s->making = true;
    return 0;
}

/* ---- another parent */

static void replan(struct bit_sweeps *sweeps, struct bit_sweep *s, size_t branch)
{
    Bit__SweepPlace *place = s->progress->place[branch];
    const Bit__SweepPlace was = *place;
    const struct bit_runner *parent = bit_sweep_state_run(s, sweeps->runs, was.parent);
    const struct bit_sweep_place now = bit_sweep_parents_choose(s, sweeps->runs, branch);
    char why[BIT_ERR_TEXT_MAX];

    if (parent == NULL)
        bit_format(why, sizeof why, "branch %u is not there any more", was.parent);
    else if (!bit_sweep_parents_match(&parent->run, s->plan->spec[branch], was.from_step))
        bit_format(why, sizeof why, "%s was changed before step %" PRIu64, parent->run.id, was.from_step);
    else
        bit_format(why, sizeof why, "%s (%s) has no checkpoint of step %" PRIu64, parent->run.id,
                   bit_run_state_name(parent->run.state), was.from_step);
    place->parent = (uint32_t)now.parent;
    place->from_step = now.from_step;
    place->has_replanned = place->replanned = true;
    if (now.parent == branch)
        bit_sweep_state_tell(s, (int)branch, "%s: '%s' begins at step 1", why, s->plan->branch[branch]->label);
    else
        bit_sweep_state_tell(s, (int)branch, "%s: '%s' begins after step %" PRIu64 " of '%s'", why,
                             s->plan->branch[branch]->label, now.from_step, s->plan->branch[now.parent]->label);
    keep(sweeps, s);
}

/* ---- looking */

/* Returns < 0 if nothing more can be made now. */
static int look_at_branch(struct bit_sweeps *sweeps, struct bit_sweep *s, size_t branch)
{
    if (bit_sweep_parents_is_lost(s, sweeps->runs, branch))
        replan(sweeps, s, branch);
    const Bit__SweepPlace *place = s->progress->place[branch];
    const bool root = bit_sweep_state_is_root(s, branch);
    const struct bit_runner *parent = root ? NULL : bit_sweep_state_run(s, sweeps->runs, place->parent);
    bool there = parent != NULL && bit_run_checkpoint_at(&parent->run, place->from_step) != NULL &&
                 !bit_runner_is_blocked(parent);

    if (!root && (!there || s->making || uv_now(sweeps->env->loop) < s->again_ms))
        return 0;
    int err = bit_runs_check_room(sweeps->runs, s->plan->uid);
    if (err == 0)
        err = root ? add(sweeps, s, branch, NULL) : begin_fork(sweeps, s, branch, parent);
    if (err < 0)
        wait_for(sweeps, s, branch);
    return err;
}

static void look_at_sweep(struct bit_sweeps *sweeps, struct bit_sweep *s)
{
    if (s->progress->paused)
        return;
    for (size_t i = 0; i < s->plan->n_branch; i++)
        if (!bit_sweep_state_is_settled(s, i) && look_at_branch(sweeps, s, i) < 0)
            return;
}

void bit_sweep_life_look(struct bit_sweeps *sweeps)
{
    for (size_t i = 0; i < sweeps->count && !sweeps->env->stopping; i++)
        look_at_sweep(sweeps, sweeps->sweep[i]);
}

static void on_soon(uv_timer_t *timer)
{
    bit_sweep_life_look(timer->data);
}

void bit_sweep_life_look_soon(struct bit_sweeps *sweeps)
{
    if (sweeps->count > 0 && !uv_is_closing((uv_handle_t *)&sweeps->soon) &&
        !uv_is_active((uv_handle_t *)&sweeps->soon))
        uv_timer_start(&sweeps->soon, on_soon, 0, 0);
}

bool bit_sweep_life_has_work(const struct bit_sweeps *sweeps)
{
    for (size_t i = 0; i < sweeps->count; i++)
        for (size_t k = 0; !sweeps->sweep[i]->progress->paused && k < sweeps->sweep[i]->plan->n_branch; k++)
            if (!bit_sweep_state_is_settled(sweeps->sweep[i], k))
                return true;
    return false;
}
