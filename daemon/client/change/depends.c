#include "daemon/client/change/depends.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/checkpoints/init_from.h"
#include "daemon/store/retention/forks.h"
#include "daemon/store/retention/sweep_waits.h"
#include "daemon/store/runs/runs.h"
#include "proto/err.h"
#include "proto/format.h"

/* The real path that the run begins from, as kept in init.pb; without that, model.init_from. */
static char *beginning_of(const struct bit_runner *r, struct bit_init_from *kept)
{
    char *path = bit_runner_path(r, "init.pb");
    const bool known = path != NULL && bit_init_from_load(path, kept) == 0;

    free(path);
    return strdup(known ? kept->origin.path : r->run.spec->model->init_from);
}

static char *fork_of(const struct bit_depends *d, const Bit__ForkOrigin *fork)
{
    char *path;

    return asprintf(&path, "%s/%s/checkpoints/%s", d->folder != NULL ? d->folder : "", fork->run, fork->checkpoint) < 0
               ? NULL
               : path;
}

int bit_depends_init(struct bit_depends *d, const struct bit_runs *runs)
{
    struct bit_init_from *kept = calloc(1, sizeof *kept);
    char folder[PATH_MAX];

    bit_format(folder, sizeof folder, "%s/runs", runs->env->config->state);
    *d = (struct bit_depends){.folder = realpath(folder, NULL)};
    d->item = calloc(runs->count + 1, sizeof *d->item);
    int err = kept == NULL || d->item == NULL ? -ENOMEM : 0;
    for (size_t i = 0; err == 0 && i < runs->count; i++) {
        const struct bit_run *run = &runs->runner[i]->run;
        const char *from = run->spec->model->init_from;
        const bool fork = run->fork != NULL;
        if (!fork && (from == NULL || from[0] == '\0'))
            continue;
        d->item[d->count] = (struct bit_depends_item){
            runs->runner[i], fork ? fork_of(d, run->fork) : beginning_of(runs->runner[i], kept), fork};
        err = d->item[d->count].path == NULL ? -ENOMEM : 0;
        d->count += err == 0;
    }
    free(kept);
    return err < 0 ? bit_fail(err, "where the runs begin") : 0;
}

void bit_depends_finish(struct bit_depends *d)
{
    for (size_t i = 0; i < d->count; i++)
        free(d->item[i].path);
    free(d->item);
    free(d->folder);
}

static bool is_below(const char *path, const char *folder)
{
    const size_t bytes = strlen(folder);

    return strncmp(path, folder, bytes) == 0 && (path[bytes] == '\0' || path[bytes] == '/');
}

static bool needs_it(const struct bit_depends_item *item, enum bit_depends_how how)
{
    const struct bit_run *run = &item->runner->run;
    const bool shares = item->fork && !(run->fork->has_weights_only && run->fork->weights_only);

    if (how == BIT_DEPENDS_EVER || (shares && how == BIT_DEPENDS_READS))
        return how == BIT_DEPENDS_EVER;
    if (item->fork)
        return bit_forks_shares(item->runner, run->fork->run, NULL);
    return run->checkpoints.count == 0 && run->state != BIT__RUN_STATE__COMPLETED;
}

static size_t list_of(const struct bit_depends *d, const struct bit_runner *r, const char *below,
                      enum bit_depends_how how, char *out, size_t room)
{
    char folder[PATH_MAX];
    size_t count = 0;

    out[0] = '\0';
    bit_format(folder, sizeof folder, "%s/%s%s%s", d->folder != NULL ? d->folder : "", r->run.id, below[0] ? "/" : "",
               below);
    for (size_t i = 0; i < d->count; i++) {
        const struct bit_runner *other = d->item[i].runner;
        if (d->but != NULL && d->but[0] != '\0' && strcmp(d->but, other->run.sweep) == 0)
            continue;
        if (other == r || !needs_it(&d->item[i], how) || !is_below(d->item[i].path, folder))
            continue;
        bit_format_more(out, room, "%s%s", count++ > 0 ? ", " : "", other->run.id);
    }
    return count;
}

size_t bit_depends_list(const struct bit_runner *r, const char *below, enum bit_depends_how how, char *out, size_t room)
{
    struct bit_depends d;
    size_t count = 0;

    out[0] = '\0';
    if (bit_depends_init(&d, r->runs) == 0)
        count = list_of(&d, r, below, how, out, room);
    bit_depends_finish(&d);
    return count;
}

/* ---- why a run should stay */

static bool list_pins(const struct bit_run *run, char *out, size_t room)
{
    unsigned pinned = 0;
    const char *first = NULL;

    for (size_t i = 0; i < run->checkpoints.count; i++)
        if (run->checkpoints.list[i].pinned && pinned++ == 0)
            first = run->checkpoints.list[i].name;
    if (pinned == 1)
        snprintf(out, room, "%s of it is pinned", first);
    else if (pinned > 1)
        snprintf(out, room, "%u of its checkpoints are pinned", pinned);
    return pinned > 0;
}

bool bit_depends_misses(const struct bit_depends *d, const struct bit_runner *r, char *out, size_t room)
{
    char list[96];

    if (list_pins(&r->run, out, room))
        return true;
    const char *branch = bit_sweep_waits_find(r, 0);
    if (branch != NULL) {
        bit_format(out, room, "branch '%s' of %s has yet to begin from it", branch, r->run.sweep);
        return true;
    }
    if (list_of(d, r, "", BIT_DEPENDS_NEEDS, list, sizeof list) == 0)
        return false;
    snprintf(out, room, "%s begins from it", list);
    return true;
}
