#include "daemon/client/sweep/sweep_reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/client/query/status.h"
#include "daemon/store/runs/runs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

struct bit_sweep_reply_branch {
    Bit__SweepBranch m;
    char reason[BIT_ERR_TEXT_MAX];
};

/* ---- a branch without a run: not begun, or removed */

static bool was_removed(const struct bit_sweep *s, const struct bit_runs *runs, size_t i)
{
    return s->progress->place[i]->run != NULL && bit_sweep_state_run(s, runs, i) == NULL;
}

static Bit__RunState state_to_come(const struct bit_sweep *s, size_t i)
{
    if (s->progress->place[i]->failed != NULL)
        return BIT__RUN_STATE__FAILED;
    if (s->progress->cancelled || s->progress->place[i]->run != NULL)
        return BIT__RUN_STATE__CANCELLED;
    return s->progress->paused ? BIT__RUN_STATE__PAUSED : BIT__RUN_STATE__QUEUED;
}

static void say_why(const struct bit_sweep *s, const struct bit_runs *runs, size_t i, char *out, size_t room)
{
    const Bit__SweepPlace *place = s->progress->place[i];
    const struct bit_runner *parent = bit_sweep_state_run(s, runs, place->parent);

    out[0] = '\0';
    if (place->run != NULL)
        bit_format(out, room, "%s was removed", place->run);
    else if (place->failed != NULL)
        bit_format(out, room, "%s", place->failed);
    else if (s->progress->cancelled)
        bit_format(out, room, "cancelled before it began");
    else if (s->progress->paused && s->id[0] != '\0')
        bit_format(out, room, "begins once the sweep is resumed");
    else if (!bit_sweep_state_is_root(s, i) && parent != NULL)
        bit_format(out, room, "waits for %s to have trained step %" PRIu64, parent->run.id, place->from_step);
    else if (!bit_sweep_state_is_root(s, i))
        bit_format(out, room, "waits for step %" PRIu64 " of branch %u", place->from_step, place->parent);
}

/* ---- each branch */

static void fill_branch(const struct bit_sweep *s, const struct bit_runs *runs, size_t i, bool whole,
                        struct bit_sweep_reply_branch *out)
{
    const Bit__SweepBranchAsked *asked = s->plan->branch[i];
    const Bit__SweepPlace *place = s->progress->place[i];
    const struct bit_runner *r = bit_sweep_state_run(s, runs, i);
    Bit__SweepBranch *m = &out->m;

    bit__sweep_branch__init(m);
    m->label = asked->label;
    m->n_set = whole ? asked->n_set : 0;
    m->set = asked->set;
    m->has_seed = asked->has_seed;
    m->seed = asked->seed;
    m->has_parent = !bit_sweep_state_is_root(s, i);
    m->parent = place->parent;
    m->from_step = place->from_step;
    m->steps = s->plan->spec[i]->schedule->steps;
    m->name = s->plan->spec[i]->name;
    m->has_replanned = m->replanned = place->has_replanned && place->replanned;
    m->state = r != NULL ? bit_status_state(r) : state_to_come(s, i);
    if (r == NULL) {
        say_why(s, runs, i, out->reason, sizeof out->reason);
    } else {
        m->run = bit_lend(r->run.id);
        m->name = r->run.spec->name;
        m->step = r->run.step;
        m->steps = r->run.spec->schedule->steps;
        bit_format(out->reason, sizeof out->reason, "%s", r->run.reason);
    }
    m->reason = out->reason[0] != '\0' ? out->reason : NULL;
}

/* ---- all of them */

/* Steps that branches have in common count once. */
static uint64_t count_done(const struct bit_sweep_reply *reply)
{
    uint64_t steps = 0;

    for (size_t i = 0; i < reply->m.n_branch; i++) {
        const Bit__SweepBranch *b = reply->m.branch[i];
        steps += b->run != NULL && b->step > b->from_step ? b->step - b->from_step : 0;
    }
    return steps;
}

bool bit_sweep_reply_is_end(Bit__RunState state)
{
    return state == BIT__RUN_STATE__COMPLETED || state == BIT__RUN_STATE__CANCELLED || state == BIT__RUN_STATE__FAILED;
}

/* The sweep's state is the first of these that a branch is in; so it has ended when all branches have. Removed branches
 * do not count. */
static Bit__RunState sum_up(const unsigned *count, size_t branches)
{
    static const Bit__RunState going[] = {
        BIT__RUN_STATE__TRAINING,   BIT__RUN_STATE__STARTING, BIT__RUN_STATE__RESTARTING, BIT__RUN_STATE__BLOCKED,
        BIT__RUN_STATE__CANCELLING, BIT__RUN_STATE__PAUSING,  BIT__RUN_STATE__QUEUED,     BIT__RUN_STATE__PAUSED,
        BIT__RUN_STATE__FAILED,     BIT__RUN_STATE__CANCELLED};

    for (size_t i = 0; i < BIT_COUNT(going); i++)
        if (count[going[i]] > 0)
            return going[i];
    return branches > 0 ? BIT__RUN_STATE__COMPLETED : BIT__RUN_STATE__QUEUED;
}

static void fill_sum(const struct bit_sweep *s, const struct bit_runs *runs, struct bit_sweep_reply *reply)
{
    unsigned count[BIT__RUN_STATE__FAILED + 1] = {0}, ended = 0;

    for (size_t i = 0; i < reply->m.n_branch; i++) {
        count[reply->m.branch[i]->state] += !was_removed(s, runs, i);
        ended += bit_sweep_reply_is_end(reply->m.branch[i]->state);
    }
    reply->m.state = sum_up(count, reply->m.n_branch);
    bit_format(reply->reason, sizeof reply->reason, "%u of %zu branches have ended", ended, reply->m.n_branch);
    if (count[BIT__RUN_STATE__FAILED] > 0)
        bit_format_more(reply->reason, sizeof reply->reason, ", %u of them failed", count[BIT__RUN_STATE__FAILED]);
    reply->m.reason = reply->reason;
    reply->m.steps_done = count_done(reply);
}

int bit_sweep_reply_make(const struct bit_sweep *s, const struct bit_runs *runs, bool whole,
                         struct bit_sweep_reply *out)
{
    const size_t count = s->plan->n_branch;

    *out = (struct bit_sweep_reply){.branch = calloc(count, sizeof *out->branch),
                                    .list = calloc(count, sizeof *out->list)};
    bit__sweep_reply__init(&out->m);
    if (out->branch == NULL || out->list == NULL) {
        bit_sweep_reply_finish(out);
        return bit_fail(-ENOMEM, "the notes of a sweep");
    }
    for (size_t i = 0; i < count; i++) {
        fill_branch(s, runs, i, whole, &out->branch[i]);
        out->list[i] = &out->branch[i].m;
    }
    out->m.sweep = bit_lend(s->id);
    out->m.name = s->plan->name;
    out->m.branch = out->list;
    out->m.n_branch = count;
    out->m.steps_alone = s->plan->steps_alone;
    out->m.steps_planned = s->plan->steps_planned;
    out->m.n_note = whole ? s->plan->n_note : 0;
    out->m.note = s->plan->note;
    out->m.n_event = whole ? s->progress->n_event : 0;
    out->m.event = s->progress->event;
    out->m.has_created_ns = out->m.has_uid = s->id[0] != '\0';
    out->m.created_ns = s->plan->time_ns;
    out->m.uid = s->plan->uid;
    fill_sum(s, runs, out);
    return 0;
}

void bit_sweep_reply_finish(struct bit_sweep_reply *reply)
{
    free(reply->branch);
    free(reply->list);
    reply->branch = NULL;
    reply->list = NULL;
}
