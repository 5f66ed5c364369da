#include "daemon/store/sweeps/sweeps.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/runs/runs.h"
#include "daemon/sys/files/fileio.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/log.h"

BIT_LOG_TOPIC("sweeps");

void bit_sweeps_init(struct bit_sweeps *sweeps, const struct bit_env *env, struct bit_runs *runs,
                     void (*changed)(void *owner, const struct bit_sweep *s), void *owner)
{
    *sweeps = (struct bit_sweeps){.env = env, .runs = runs, .changed = changed, .owner = owner, .next_number = 1};
    uv_timer_init(env->loop, &sweeps->soon);
    sweeps->soon.data = sweeps;
    runs->sweeps = sweeps;
}

void bit_sweeps_close(struct bit_sweeps *sweeps)
{
    uv_close((uv_handle_t *)&sweeps->soon, NULL);
}

void bit_sweeps_finish(struct bit_sweeps *sweeps)
{
    for (size_t i = 0; i < sweeps->count; i++)
        bit_sweep_state_destroy(sweeps->sweep[i]);
    free(sweeps->sweep);
    sweeps->sweep = NULL;
    sweeps->count = 0;
}

static int append(struct bit_sweeps *sweeps, struct bit_sweep *s)
{
    struct bit_sweep **grown = realloc(sweeps->sweep, (sweeps->count + 1) * sizeof *grown);

    if (grown == NULL)
        return bit_fail(-ENOMEM, "%zu sweeps", sweeps->count + 1);
    sweeps->sweep = grown;
    sweeps->sweep[sweeps->count++] = s;
    return 0;
}

/* ---- existing sweeps */

/* 7 for "s7", and 0 for every name that bitd does not write. */
static uint64_t number_of(const char *name)
{
    char again[BIT_RUN_ID_MAX];
    uint64_t number = name[0] == 's' ? strtoull(name + 1, NULL, 10) : 0;

    snprintf(again, sizeof again, "s%" PRIu64, number);
    return strcmp(again, name) == 0 && number < UINT64_MAX ? number : 0;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = (*(struct bit_sweep *const *)a)->number, y = (*(struct bit_sweep *const *)b)->number;

    return x < y ? -1 : x > y;
}

/* A folder without sweep.pb was never confirmed, or its sweep was removed; its number is not given again. */
static int load_one(struct bit_sweeps *sweeps, const char *folder, const char *name)
{
    const uint64_t number = number_of(name);
    struct bit_sweep *s = NULL;
    char *dir = NULL;

    if (number == 0)
        return 0;
    sweeps->next_number = BIT_MAX(sweeps->next_number, number + 1);
    if (asprintf(&dir, "%s/%s", folder, name) < 0)
        return bit_fail(-ENOMEM, "a sweep");
    int err = bit_sweep_state_read(dir, number, &s);
    if (err < 0 && err != -ENOENT)
        bit_error("sweep not loaded", "sweep=%s text=%s", name, bit_fail_text());
    free(dir);
    if (err < 0)
        return err == -ENOMEM ? err : 0;
    err = bit_sweep_state_find_runs(s, sweeps->runs);
    return err == 0 ? append(sweeps, s) : err;
}

/* Sweeps whose folder was removed by hand count by their runs. */
static void count_runs(struct bit_sweeps *sweeps)
{
    for (size_t i = 0; i < sweeps->runs->count; i++)
        sweeps->next_number = BIT_MAX(sweeps->next_number, number_of(sweeps->runs->runner[i]->run.sweep) + 1);
}

int bit_sweeps_load(struct bit_sweeps *sweeps)
{
    char folder[BIT_CONFIG_PATH_MAX + 16];

    snprintf(folder, sizeof folder, "%s/sweeps", sweeps->env->config->state);
    DIR *dir = opendir(folder);
    int err = dir == NULL && errno != ENOENT ? bit_fail(-errno, "%s: %s", folder, strerror(errno)) : 0;
    for (struct dirent *entry; dir != NULL && err == 0 && (entry = readdir(dir)) != NULL;)
        err = load_one(sweeps, folder, entry->d_name);
    if (dir != NULL)
        closedir(dir);
    if (sweeps->count > 0)
        qsort(sweeps->sweep, sweeps->count, sizeof(struct bit_sweep *), by_number);
    count_runs(sweeps);
    return err;
}

struct bit_sweep *bit_sweeps_find(const struct bit_sweeps *sweeps, const char *id)
{
    for (size_t i = 0; i < sweeps->count; i++)
        if (strcmp(sweeps->sweep[i]->id, id) == 0)
            return sweeps->sweep[i];
    return NULL;
}

struct bit_sweep *bit_sweeps_find_request(const struct bit_sweeps *sweeps, const char *request_id)
{
    for (size_t i = 0; i < sweeps->count; i++)
        if (strcmp(sweeps->sweep[i]->plan->request_id, request_id) == 0)
            return sweeps->sweep[i];
    return NULL;
}

/* ---- adding and removing */

static int make_folder(struct bit_sweeps *sweeps, struct bit_sweep *s)
{
    char folder[BIT_CONFIG_PATH_MAX + 16];

    snprintf(folder, sizeof folder, "%s/sweeps", sweeps->env->config->state);
    s->number = sweeps->next_number;
    snprintf(s->id, sizeof s->id, "s%" PRIu64, s->number);
    free(s->plan->sweep);
    s->plan->sweep = strdup(s->id);
    if (s->plan->sweep == NULL || asprintf(&s->dir, "%s/%s", folder, s->id) < 0)
        return bit_fail(-ENOMEM, "a sweep");
    int err = bit_dir_make(folder);
    if (err == 0 && mkdir(s->dir, 0700) < 0)
        err = bit_fail(-errno, "%s: %s", s->dir, strerror(errno));
    return err == 0 ? bit_dir_sync(folder) : err;
}

int bit_sweeps_add(struct bit_sweeps *sweeps, struct bit_sweep *s, int (*keep)(void *arg, const char *dir), void *arg)
{
    int err = make_folder(sweeps, s);

    if (err == 0 && keep != NULL)
        err = keep(arg, s->dir);
    if (err == 0)
        err = bit_sweep_state_write(s);
    if (err == 0)
        err = append(sweeps, s);
    if (err < 0) {
        if (s->dir != NULL)
            bit_dir_remove(s->dir);
        bit_sweep_state_destroy(s);
        return err;
    }
    sweeps->next_number++;
    bit_info("submitted", "sweep=%s name=%s uid=%u branches=%zu steps=%" PRIu64 " alone=%" PRIu64, s->id, s->plan->name,
             s->plan->uid, s->plan->n_branch, s->plan->steps_planned, s->plan->steps_alone);
    return 0;
}

/* The folder stays, so that its number is not given again. */
int bit_sweeps_unlink(const struct bit_sweep *s, const char *request_id, const Bit__SweepReply *answer)
{
    static const char *const others[] = {"state.pb", "data.pb", "init.pb"};
    char path[BIT_CONFIG_PATH_MAX + 64];
    int err = bit_sweep_state_write_answer(s, request_id, answer);

    if (err < 0)
        return err;
    snprintf(path, sizeof path, "%s/sweep.pb", s->dir);
    if (unlink(path) < 0)
        return bit_fail(-errno, "%s: %s", path, strerror(errno));
    for (size_t i = 0; i < BIT_COUNT(others); i++) {
        snprintf(path, sizeof path, "%s/%s", s->dir, others[i]);
        unlink(path);
    }
    return bit_dir_sync(s->dir);
}

Bit__SweepReply *bit_sweeps_find_removed(const struct bit_sweeps *sweeps, const char *id, const char *request_id)
{
    char dir[BIT_CONFIG_PATH_MAX + 32 + BIT_RUN_ID_MAX];
    Bit__SweepReply *answer = NULL;

    if (number_of(id) == 0 || bit_sweeps_find(sweeps, id) != NULL)
        return NULL;
    snprintf(dir, sizeof dir, "%s/sweeps/%s", sweeps->env->config->state, id);
    return bit_sweep_state_read_answer(dir, request_id, &answer) == 0 ? answer : NULL;
}

void bit_sweeps_drop(struct bit_sweeps *sweeps, struct bit_sweep *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < sweeps->count; i++)
        if (sweeps->sweep[i] != s)
            sweeps->sweep[kept++] = sweeps->sweep[i];
    sweeps->count = kept;
    bit_info("removed", "sweep=%s", s->id);
    bit_sweep_state_destroy(s);
}
