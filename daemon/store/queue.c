#include "daemon/store/queue.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/run/after.h"
#include "daemon/store/runs/runs.h"
#include "daemon/store/sweeps/sweeps.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"

/* ---- what a run waits for */

/* A run is over when it has ended, its job is gone and the disk has the record: until then its end may still change. */
static bool is_over(const struct bit_runner *other)
{
    return other == NULL || (bit_run_ended(&other->run) && other->job == NULL && !bit_runner_is_blocked(other));
}

enum hold {
    FREE, /* nothing to wait for any more */
    WAITS,
    HOPELESS, /* it ended otherwise; r waits until it is cancelled for that, or the other run is resumed */
};

static enum hold look_at_run(const struct bit_runner *other, bool completes)
{
    if (!is_over(other))
        return WAITS;
    return completes && other != NULL && other->run.state != BIT__RUN_STATE__COMPLETED ? HOPELESS : FREE;
}

static const struct bit_sweep *find_sweep(const struct bit_sweeps *sweeps, const char *id)
{
    for (size_t i = sweeps != NULL ? sweeps->count : 0; i-- > 0;)
        if (strcmp(sweeps->sweep[i]->id, id) == 0)
            return sweeps->sweep[i];
    return NULL;
}

/* A removed sweep is over: its runs stay, but no run waits for them. */
static enum hold look_at_sweep(const struct bit_runs *runs, const struct bit_sweep *s, bool completes)
{
    enum hold all = FREE;

    for (size_t i = 0; s != NULL && i < s->plan->n_branch; i++) {
        const Bit__SweepPlace *place = s->progress->place[i];
        const bool never = place->failed != NULL || s->progress->cancelled; /* for a branch without a run */
        enum hold one = !never ? WAITS : completes ? HOPELESS : FREE;
        if (place->run != NULL)
            one = look_at_run(bit_runs_find(runs, place->run), completes);
        if (one == WAITS)
            return WAITS;
        all = one == HOPELESS ? HOPELESS : all;
    }
    return all;
}

static enum hold look_at(const struct bit_runner *r, const char *item)
{
    bool completes;
    const char *id = bit_after_which(item, &completes);

    if (id[0] != 's')
        return look_at_run(bit_runs_find(r->runs, id), completes);
    return look_at_sweep(r->runs, find_sweep(r->runs->sweeps, id), completes);
}

size_t bit_queue_after(const struct bit_runner *r, char **out)
{
    size_t count = 0;

    for (size_t i = 0; i < r->run.after.count && count < BIT_AFTER_MAX; i++)
        if (look_at(r, r->run.after.item[i]) != FREE)
            out[count++] = r->run.after.item[i];
    return count;
}

bool bit_queue_waits(const struct bit_runner *r)
{
    char *held[BIT_AFTER_MAX];

    return bit_queue_after(r, held) > 0;
}

static const char *state_of(const struct bit_runner *r, const char *id)
{
    const struct bit_runner *other = id[0] == 's' ? NULL : bit_runs_find(r->runs, id);

    return id[0] == 's' ? "a sweep" : other != NULL ? bit_run_state_name(other->run.state) : "gone";
}

void bit_queue_describe(const struct bit_runner *r, char *out, size_t bytes)
{
    char *held[BIT_AFTER_MAX];
    const size_t count = bit_queue_after(r, held);

    bit_format(out, bytes, "waits for ");
    for (size_t i = 0; i < count; i++) {
        bool completes;
        const char *id = bit_after_which(held[i], &completes);
        bit_format_more(out, bytes, "%s%s%s (%s)", i > 0 ? ", " : "", id, completes ? " to complete" : "",
                        state_of(r, id));
    }
}

bool bit_queue_is_hopeless(const struct bit_runner *r, char *out, size_t bytes)
{
    if (r->corrupt || r->job != NULL || bit_runner_is_blocked(r) ||
        (r->run.state != BIT__RUN_STATE__QUEUED && r->run.state != BIT__RUN_STATE__PAUSED))
        return false;
    for (size_t i = 0; i < r->run.after.count; i++) {
        bool completes;
        const char *id = bit_after_which(r->run.after.item[i], &completes);
        if (look_at(r, r->run.after.item[i]) != HOPELESS)
            continue;
        if (id[0] == 's')
            bit_format(out, bytes, "it was to begin after every run of %s had completed, but not all did", id);
        else
            bit_format(out, bytes, "it was to begin after %s had completed, but %s is %s", id, id, state_of(r, id));
        return true;
    }
    return false;
}

/* ---- which run is next */

static bool may_begin(const struct bit_runner *r)
{
    return !r->corrupt && r->job == NULL && r->run.state == BIT__RUN_STATE__QUEUED && !bit_queue_waits(r);
}

static bool is_before(const struct bit_run *a, const struct bit_run *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->number < b->number;
}

static int compare(const void *x, const void *y)
{
    const struct bit_runner *a = *(struct bit_runner *const *)x, *b = *(struct bit_runner *const *)y;

    return is_before(&b->run, &a->run) - is_before(&a->run, &b->run);
}

int bit_queue_list(const struct bit_runs *runs, struct bit_runner ***out, size_t *count)
{
    struct bit_runner **list = calloc(runs->count + 1, sizeof(struct bit_runner *));
    size_t n = 0;

    if (list == NULL)
        return bit_fail(-ENOMEM, "a queue of %zu runs", runs->count);
    for (size_t i = 0; i < runs->count; i++)
        if (may_begin(runs->runner[i]))
            list[n++] = runs->runner[i];
    qsort(list, n, sizeof(struct bit_runner *), compare);
    *out = list;
    *count = n;
    return 0;
}

unsigned bit_queue_position(const struct bit_runs *runs, const struct bit_runner *r)
{
    unsigned position = 1;

    if (!may_begin(r) || bit_runner_is_withheld(r))
        return 0;
    for (size_t i = 0; i < runs->count; i++) {
        const struct bit_runner *other = runs->runner[i];
        position += other != r && is_before(&other->run, &r->run) && may_begin(other) && !bit_runner_is_withheld(other);
    }
    return position;
}

bool bit_queue_has_work(const struct bit_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++) {
        const struct bit_runner *r = runs->runner[i];
        if (!r->corrupt && !bit_run_ended(&r->run) && r->run.state != BIT__RUN_STATE__PAUSED &&
            !bit_runner_is_withheld(r) && !bit_queue_waits(r)) /* those that it waits for have work, or it has none */
            return true;
    }
    return false;
}
