#include "daemon/store/beginnings.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/init_from.h"
#include "daemon/store/runs.h"
#include "proto/err.h"

static bool has_yet_to_begin(const struct bit_runner *r)
{
    const char *from = r->corrupt ? NULL : r->run.spec->model->init_from;

    return from != NULL && from[0] != '\0' && !r->removing && !bit_run_ended(&r->run) && r->run.checkpoints.count == 0;
}

/* folder is real, as what was kept is. */
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

/* What follows in path on this run's folder of checkpoints: "step-00000008/model.safetensors". NULL: nothing. */
static const char *within(const struct bit_runner *r, const char *path)
{
    char *folder = NULL;
    const char *rest = NULL;

    if (strstr(path, r->run.id) == NULL || asprintf(&folder, "%s/checkpoints", r->dir) < 0)
        return NULL;
    char *real = realpath(folder, NULL);
    const size_t bytes = real != NULL ? strlen(real) : 0;
    if (bytes > 0 && strncmp(path, real, bytes) == 0 && path[bytes] == '/')
        rest = path + bytes + 1;
    free(real);
    free(folder);
    return rest;
}

static bool has_checkpoint(const struct bit_run *run, const char *name, size_t bytes)
{
    for (size_t i = 0; i < run->checkpoints.count; i++)
        if (strlen(run->checkpoints.list[i].name) == bytes && memcmp(run->checkpoints.list[i].name, name, bytes) == 0)
            return true;
    return false;
}

int bit_beginnings_check(const struct bit_runs *runs, const char *path)
{
    for (size_t i = 0; i < runs->count; i++) {
        const struct bit_runner *r = runs->runner[i];
        const char *name = within(r, path);
        if (name == NULL)
            continue;
        const size_t bytes = strcspn(name, "/");
        if (has_checkpoint(&r->run, name, bytes))
            return 0;
        return bit_fail(BIT_ESTATE, "%.*s is no checkpoint of %s any more; `bitctl ckpt ls %s` lists those that are",
                        (int)bytes, name, r->run.id, r->run.id);
    }
    return 0;
}
