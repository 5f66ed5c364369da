#include "daemon/store/retention/beginnings.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/checkpoints/init_from.h"
#include "daemon/store/runs/runs.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"

static bool has_yet_to_begin(const struct bit_runner *r)
{
    const char *from = r->corrupt ? NULL : r->run.spec->model->init_from;

    return from != NULL && from[0] != '\0' && !r->removing && !bit_run_ended(&r->run) && r->run.checkpoints.count == 0;
}

/* folder is a real path, as the kept one is. */
static bool begins_in(const struct bit_runner *r, const char *folder)
{
    struct bit_init_from *kept = calloc(1, sizeof *kept);
    char *path = bit_runner_path(r, "init.pb");
    const size_t bytes = strlen(folder);
    bool is_within = false;

    if (kept != NULL && path != NULL && bit_init_from_load(path, kept) == 0) {
        const char *from = kept->origin.path;
        is_within = strncmp(from, folder, bytes) == 0 && (from[bytes] == '\0' || from[bytes] == '/');
    }
    free(path);
    free(kept);
    return is_within;
}

const struct bit_runner *bit_beginnings_find(const struct bit_runner *parent, const char *name)
{
    const struct bit_runs *runs = parent->runs;
    const struct bit_runner *found = NULL;
    char *path = NULL;

    if (asprintf(&path, "%s/checkpoints/%s", parent->dir, name) < 0)
        return NULL;
    char *folder = realpath(path, NULL);
    for (size_t i = 0; folder != NULL && found == NULL && i < runs->count; i++)
        if (runs->runner[i] != parent && has_yet_to_begin(runs->runner[i]) && begins_in(runs->runner[i], folder))
            found = runs->runner[i];
    free(folder);
    free(path);
    return found;
}

/* The step of this run's checkpoint that path is or lies in; -1 if none. bitd removes no other files that users keep in
 * that folder. */
static int64_t step_of(const struct bit_runner *r, const char *path)
{
    char *folder = NULL, name[32];
    int64_t step = -1;

    if (strstr(path, r->run.id) == NULL || asprintf(&folder, "%s/checkpoints", r->dir) < 0)
        return -1;
    char *real = realpath(folder, NULL);
    const size_t bytes = real != NULL ? strlen(real) : 0;
    if (bytes > 0 && strncmp(path, real, bytes) == 0 && path[bytes] == '/') {
        const char *rest = path + bytes + 1;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(rest, "/"), rest);
        step = bit_checkpoint_step(name);
    }
    free(real);
    free(folder);
    return step;
}

static bool has_checkpoint(const struct bit_run *run, int64_t step)
{
    for (size_t i = 0; i < run->checkpoints.count; i++)
        if (run->checkpoints.list[i].step == (uint64_t)step)
            return true;
    return false;
}

int bit_beginnings_check(const struct bit_runs *runs, const char *path)
{
    for (size_t i = 0; i < runs->count; i++) {
        const struct bit_run *run = &runs->runner[i]->run;
        const int64_t step = step_of(runs->runner[i], path);
        if (step >= 0 && !has_checkpoint(run, step))
            return bit_fail(BIT_ESTATE,
                            "%s has no checkpoint of step %" PRId64
                            " any more; `bitctl ckpt ls %s` lists those that it has",
                            run->id, step, run->id);
    }
    return 0;
}
