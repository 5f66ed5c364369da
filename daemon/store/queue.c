#include "daemon/store/queue.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "daemon/run/after.h"
#include "daemon/store/runs.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"

/* ---- what one waits for */

/* Its end counts when nothing of it is left, and when the disk has it: what is not written may still come otherwise. */
static bool is_over(const struct bit_runner *other)
{
    return other == NULL || (bit_run_ended(&other->run) && other->job == NULL && !bit_runner_is_blocked(other));
}

/* One that ended otherwise than it has to is waited for until r is cancelled for it, or the other is resumed. */
static bool holds_back(const struct bit_runner *r, const char *item, const struct bit_runner **other)
{
    bool completes;

    *other = bit_runs_find(r->runs, bit_after_which(item, &completes));
    if (!is_over(*other))
        return true;
    return completes && *other != NULL && (*other)->run.state != BIT__RUN_STATE__COMPLETED;
}

size_t bit_queue_after(const struct bit_runner *r, char **out)
{
    const struct bit_runner *other;
    size_t count = 0;

    for (size_t i = 0; i < r->run.after.count && count < BIT_AFTER_MAX; i++)
        if (holds_back(r, r->run.after.item[i], &other))
            out[count++] = r->run.after.item[i];
    return count;
}

bool bit_queue_waits(const struct bit_runner *r)
{
    char *held[BIT_AFTER_MAX];

    return bit_queue_after(r, held) > 0;
}

void bit_queue_describe(const struct bit_runner *r, char *out, size_t bytes)
{
    char *held[BIT_AFTER_MAX];
    const size_t count = bit_queue_after(r, held);

    bit_format(out, bytes, "waits for ");
    for (size_t i = 0; i < count; i++) {
        const struct bit_runner *other;
        bool completes;
        const char *id = bit_after_which(held[i], &completes);
        holds_back(r, held[i], &other);
        bit_format_more(out, bytes, "%s%s%s (%s)", i > 0 ? ", " : "", id, completes ? " to complete" : "",
                        other != NULL ? bit_run_state_name(other->run.state) : "gone");
    }
}

const struct bit_run *bit_queue_is_hopeless(const struct bit_runner *r)
{
    if (r->corrupt || r->job != NULL || bit_runner_is_blocked(r) ||
        (r->run.state != BIT__RUN_STATE__QUEUED && r->run.state != BIT__RUN_STATE__PAUSED))
        return NULL;
    for (size_t i = 0; i < r->run.after.count; i++) {
        const struct bit_runner *other;
        if (holds_back(r, r->run.after.item[i], &other) && is_over(other))
            return &other->run;
    }
    return NULL;
}

/* ---- who is next */

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
