#include "daemon/store/runs/runs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "daemon/store/board/board_folders.h"
#include "daemon/store/runs/folders.h"
#include "daemon/store/runs/run_numbers.h"
#include "daemon/sys/files/fileio.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/log.h"

BIT_LOG_TOPIC("runs");

void bit_runs_init(struct bit_runs *runs, const struct bit_env *env, const struct bit_runner_ops *ops, void *owner)
{
    *runs = (struct bit_runs){.env = env, .ops = ops, .owner = owner, .next_number = 1};
}

void bit_runs_unref(struct bit_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++)
        uv_unref((uv_handle_t *)&runs->runner[i]->retry);
}

void bit_runs_finish(struct bit_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++)
        bit_runner_destroy(runs->runner[i]);
    free(runs->runner);
    runs->runner = NULL;
    runs->count = runs->capacity = 0;
}

int bit_runs_append(struct bit_runs *runs, struct bit_runner *r)
{
    if (runs->count == runs->capacity) {
        size_t capacity = runs->capacity ? 2 * runs->capacity : 16;
        struct bit_runner **grown = realloc(runs->runner, capacity * sizeof *grown);
        if (grown == NULL)
            return bit_fail(-ENOMEM, "%zu runs", capacity);
        runs->runner = grown;
        runs->capacity = capacity;
    }
    runs->runner[runs->count++] = r;
    return 0;
}

void bit_runs_drop(struct bit_runs *runs, struct bit_runner *r)
{
    size_t kept = 0;

    for (size_t i = 0; i < runs->count; i++)
        if (runs->runner[i] != r)
            runs->runner[kept++] = runs->runner[i];
    BIT_ASSERT(kept + 1 == runs->count);
    runs->count = kept;
    bit_board_folders_remove(runs->env->config->state, &r->run);
    bit_runner_destroy(r);
}

/* ---- existing runs */

struct bit_runner *bit_runs_find(const struct bit_runs *runs, const char *id)
{
    for (size_t i = runs->count; i-- > 0;)
        if (strcmp(runs->runner[i]->run.id, id) == 0)
            return runs->runner[i]->removing ? NULL : runs->runner[i];
    return NULL;
}

struct bit_runner *bit_runs_find_request(const struct bit_runs *runs, const char *request_id)
{
    for (size_t i = runs->count; i-- > 0;)
        if (strcmp(runs->runner[i]->run.request_id, request_id) == 0)
            return runs->runner[i];
    return NULL;
}

uint32_t bit_runs_slots_taken(const struct bit_runs *runs)
{
    uint32_t taken = 0;

    for (size_t i = 0; i < runs->count; i++)
        taken += runs->runner[i]->job != NULL;
    return taken;
}

void bit_runs_schedule(struct bit_runs *runs)
{
    runs->ops->schedule(runs->owner);
}

/* ---- how many there may be */

int bit_runs_check_user(const struct bit_runs *runs, uint32_t uid)
{
    const struct bit_config *config = runs->env->config;
    uint32_t running = 0;

    for (size_t i = 0; i < runs->count; i++)
        running += runs->runner[i]->run.uid == uid && !bit_run_ended(&runs->runner[i]->run);
    if (running >= config->runs_per_user)
        return bit_fail(BIT_EBUSY,
                        "uid %u has %u runs that have not ended, and runs_per_user is %u: wait for one, "
                        "cancel one, or raise it in bitd's settings",
                        uid, running, config->runs_per_user);
    return 0;
}

int bit_runs_check_room(const struct bit_runs *runs, uint32_t uid)
{
    int err = bit_runs_check_user(runs, uid);

    if (err == 0 && runs->count >= BIT_RUNS_MAX)
        err = bit_fail(BIT_EBUSY, "%d runs are kept, and no more: `bitctl prune` removes old ones", BIT_RUNS_MAX);
    return err;
}

/* ---- when bitd starts */

/* Runs whose number is not in the file, because bitd was killed or is an older one, count by their folder. */
static int load_numbers(struct bit_runs *runs)
{
    const char *state = runs->env->config->state;
    uint64_t last = 0;
    int err = bit_run_numbers_load(state, &last);

    if (err == 0 && last + 1 < runs->next_number)
        err = bit_run_numbers_keep(state, runs->next_number - 1);
    if (err == 0)
        runs->next_number = BIT_MAX(runs->next_number, last + 1);
    return err;
}

static int load_one(struct bit_runs *runs, uint64_t number)
{
    struct bit_runner *r = NULL;
    int err = bit_runner_load(runs, number, &r);

    runs->next_number = BIT_MAX(runs->next_number, number + 1);
    if (err < 0) {
        bit_error("run not loaded", "run=r%" PRIu64 " text=%s", number, bit_fail_text());
        return err == -ENOMEM || err == -EMFILE || err == -ENFILE ? err : 0;
    }
    if (!r->corrupt && r->run.seq == 0) { /* no client was answered: a crash in the middle of a submission */
        bit_warn("half-made run removed", "run=%s", r->run.id);
        bit_dir_remove(r->dir);
        bit_runner_destroy(r);
        return 0;
    }
    bit_board_folders_add(runs->env->config->state, &r->run);
    return bit_runs_append(runs, r);
}

int bit_runs_load(struct bit_runs *runs)
{
    char folder[BIT_CONFIG_PATH_MAX + 16];
    uint64_t *numbers = NULL, begun = uv_hrtime();
    size_t count = 0;
    int err;

    snprintf(folder, sizeof folder, "%s/runs", runs->env->config->state);
    bit_board_folders_clean(runs->env->config->state);
    err = bit_folders_list(folder, &numbers, &count);
    for (size_t i = 0; i < count && err == 0; i++)
        err = load_one(runs, numbers[i]);
    free(numbers);
    if (err == 0)
        err = load_numbers(runs);
    if (err == 0)
        bit_info("replayed", "runs=%zu ms=%.1f", runs->count, (double)(uv_hrtime() - begun) / 1e6);
    return err;
}
