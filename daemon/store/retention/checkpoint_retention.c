#include "daemon/store/retention/checkpoint_retention.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/retention/beginnings.h"
#include "daemon/store/retention/forks.h"
#include "daemon/store/retention/sweep_waits.h"
#include "daemon/store/runs/runs.h"
#include "daemon/sys/files/fileio.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/log.h"

BIT_LOG_TOPIC("checkpoint_retention");

#define LEAVING ".partial-removed" /* suffix of a folder that is being removed */

bool bit_checkpoint_retention_keeps(const struct bit_run *run, size_t index)
{
    const Bit__CheckpointSpec *spec = run->spec->checkpoint;
    uint64_t step = run->checkpoints.list[index].step;
    size_t newer = run->checkpoints.count - 1 - index;

    if (run->checkpoints.list[index].pinned || newer < BIT_MAX(spec->keep_last, 1u))
        return true;
    if (spec->keep_every > 0 && step % spec->keep_every == 0)
        return true;
    for (size_t i = 0; i < spec->n_at; i++)
        if (spec->at[i] == step)
            return true;
    return run->switched ? step == run->switched_after : run->plan.planned && step == run->plan.at_step;
}

struct removal {
    uv_work_t work;
    char *path;
};

static void remove_in_pool(uv_work_t *work)
{
    struct removal *removal = work->data;
    int err = bit_dir_remove(removal->path);

    if (err < 0 && err != -ENOENT) /* a job that ended meanwhile has removed it */
        bit_warn("not removed", "path=%s text=%s", removal->path, bit_fail_text());
}

static void on_removed(uv_work_t *work, int status)
{
    struct removal *removal = work->data;

    free(removal->path);
    free(removal);
}

/* Takes ownership of path. */
static void queue_removal(struct bit_runner *r, char *path)
{
    struct removal *removal = calloc(1, sizeof *removal);

    if (removal == NULL) {
        free(path);
        return;
    }
    removal->path = path;
    removal->work.data = removal;
    if (uv_queue_work(r->env->loop, &removal->work, remove_in_pool, on_removed) < 0)
        on_removed(&removal->work, 0);
}

/* Renamed first, so that it no longer counts as a checkpoint; the next start removes what a crash leaves of it. */
static void remove_folder(struct bit_runner *r, const char *name)
{
    char *path = NULL, *leaving = NULL;

    if (asprintf(&path, "%s/checkpoints/%s", r->dir, name) < 0)
        return;
    if (asprintf(&leaving, "%s" LEAVING, path) < 0) {
        free(path);
        return;
    }
    if (rename(path, leaving) < 0)
        bit_warn("not removed", "path=%s text=%s", path, strerror(errno));
    free(path);
    queue_removal(r, leaving);
}

/* Once a run has ended, incomplete checkpoints are never used. */
static bool is_left(const struct bit_runner *r, const char *name)
{
    const size_t suffix = strlen(LEAVING), length = strlen(name);

    if (bit_run_ended(&r->run))
        return strstr(name, ".partial") != NULL;
    return length > suffix && strcmp(name + length - suffix, LEAVING) == 0;
}

static void finish_removals(struct bit_runner *r)
{
    char *folder = r->corrupt ? NULL : bit_runner_path(r, "checkpoints"), *path;
    DIR *dir = folder == NULL ? NULL : opendir(folder);

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (is_left(r, entry->d_name) && asprintf(&path, "%s/%s", folder, entry->d_name) >= 0)
            queue_removal(r, path);
    if (dir != NULL)
        closedir(dir);
    free(folder);
}

void bit_checkpoint_retention_finish(const struct bit_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++)
        finish_removals(runs->runner[i]);
}

int bit_checkpoint_retention_remove(struct bit_runner *r, const char *name, char *request_id, uint32_t uid)
{
    char copy[sizeof r->run.checkpoints.list->name], why[32];
    Bit__CheckpointRemoved m = BIT__CHECKPOINT_REMOVED__INIT;

    snprintf(copy, sizeof copy, "%s", name);
    snprintf(why, sizeof why, "asked by uid %u", uid);
    m.name = copy;
    m.why = why;
    m.request_id = request_id;
    m.has_uid = true;
    m.uid = uid;
    int err = bit_try_record(r, REMOVED, removed, &m);
    if (err < 0)
        return err;
    bit_info("removed", "run=%s name=%s uid=%u", r->run.id, copy, uid);
    remove_folder(r, copy);
    return 0;
}

void bit_checkpoint_retention_drop(struct bit_runner *r, const char *name)
{
    bit_info("removed", "run=%s name=%s why=\"given up by a resume\"", r->run.id, name);
    remove_folder(r, name);
}

static void remove_one(struct bit_runner *r, size_t index)
{
    char name[32];

    snprintf(name, sizeof name, "%s", r->run.checkpoints.list[index].name);
    Bit__CheckpointRemoved m = BIT__CHECKPOINT_REMOVED__INIT;
    m.name = name;
    m.why = (char *)(uintptr_t) "newer ones are kept";
    bit_record(r, REMOVED, removed, &m); /* first: a folder without a record is harmless, a record without one is not */
    bit_info("removed", "run=%s name=%s", r->run.id, name);
    remove_folder(r, name);
}

/* Removing a shared checkpoint would free nothing; another run may still have to begin from it. */
static bool is_used(const struct bit_runner *r, const struct bit_run_checkpoint *c)
{
    return bit_forks_find(r, c->name) != NULL || bit_beginnings_find(r, c->name) != NULL ||
           bit_sweep_waits_find(r, c->step) != NULL;
}

void bit_checkpoint_retention_apply(struct bit_runner *r)
{
    for (size_t i = r->run.checkpoints.count; i-- > 0;)
        if (!bit_checkpoint_retention_keeps(&r->run, i) && !is_used(r, &r->run.checkpoints.list[i]))
            remove_one(r, i);
}
