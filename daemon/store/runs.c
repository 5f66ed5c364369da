#include "daemon/store/runs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uv.h>

#include "daemon/store/board_folders.h"
#include "daemon/store/checkpoint_retention.h"
#include "daemon/store/folders.h"
#include "daemon/store/fork_origin.h"
#include "daemon/store/fork_place.h"
#include "daemon/store/queue.h"
#include "daemon/store/removal.h"
#include "daemon/store/run_numbers.h"
#include "daemon/sys/fileio.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("runs");

#define FACTS_BYTES_MAX (16u << 20)

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

static int append_runner(struct bit_runs *runs, struct bit_runner *r)
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

bool bit_runs_have_work(const struct bit_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++) {
        const struct bit_runner *r = runs->runner[i];
        if (!r->corrupt && !bit_run_ended(&r->run) && r->run.state != BIT__RUN_STATE__PAUSED &&
            !bit_runner_is_withheld(r) && !bit_queue_waits(r)) /* those that it waits for have work, or it has none */
            return true;
    }
    return false;
}

void bit_runs_schedule(struct bit_runs *runs)
{
    runs->ops->schedule(runs->owner);
}

/* ---- a new run */

/* Every bitd has ids such as r3; this identity is unique. */
static int draw_identity(char out[BIT_RUN_IDENTITY + 1])
{
    uint8_t random[BIT_RUN_IDENTITY / 2];

    if (getrandom(random, sizeof random, 0) != sizeof random)
        return bit_fail(-errno, "the identity of a run: getrandom");
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(out + 2 * i, 3, "%02x", random[i]);
    return 0;
}

static int record_submitted(struct bit_runner *r, const Bit__RunSubmitted *asked, const struct bit_fork_origin *fork)
{
    char identity[BIT_RUN_IDENTITY + 1];
    Bit__RunSubmitted m = *asked;
    int err = draw_identity(identity);

    if (err < 0)
        return err;
    m.identity = identity;
    m.run = r->run.id;
    m.fork = fork != NULL ? (Bit__ForkOrigin *)(uintptr_t)&fork->m : NULL;
    return bit_try_record(r, SUBMITTED, submitted, &m);
}

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

static int copy_fact(const char *from, const char *to, const char *name)
{
    char old[BIT_CONFIG_PATH_MAX + 64], new[BIT_CONFIG_PATH_MAX + 64];
    uint8_t *buf = NULL;
    size_t bytes = 0;

    snprintf(old, sizeof old, "%s/%s", from, name);
    snprintf(new, sizeof new, "%s/%s", to, name);
    int err = bit_file_read(old, FACTS_BYTES_MAX, &buf, &bytes);
    if (err == 0)
        err = bit_file_write(new, buf, bytes);
    free(buf);
    return err == -ENOENT ? 0 : err;
}

static int copy_facts(const char *from, const struct bit_runner *r)
{
    int err = copy_fact(from, r->dir, "data.pb");

    return err == 0 ? copy_fact(from, r->dir, "init.pb") : err;
}

int bit_runs_add(struct bit_runs *runs, Bit__RunSpec *spec, const Bit__RunSubmitted *asked,
                 const struct bit_fork_origin *fork, const char *facts, struct bit_runner **out)
{
    struct bit_runner *r = NULL;
    int err = bit_runs_check_room(runs, asked->uid); /* again: others may have been checked at the same time */

    if (err < 0) {
        bit_msg_free(spec);
        return err;
    }
    err = bit_runner_create(runs, runs->next_number, spec, &r);
    if (err < 0)
        return err;
    if (fork != NULL)
        err = bit_fork_place(fork, r);
    if (err == 0 && facts != NULL)
        err = copy_facts(facts, r);
    if (err == 0)
        err = record_submitted(r, asked, fork);
    if (err == 0) /* before the number is reported */
        err = bit_run_numbers_keep(runs->env->config->state, runs->next_number);
    if (err == 0)
        err = append_runner(runs, r);
    if (err < 0) {
        bit_dir_remove(r->dir);
        bit_runner_destroy(r);
        return err;
    }
    runs->next_number++;
    bit_board_folders_add(runs->env->config->state, &r->run);
    bit_info("submitted", "run=%s name=%s uid=%u", r->run.id, r->run.spec->name ? r->run.spec->name : r->run.id,
             asked->uid);
    *out = r;
    return 0;
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
    bit_checkpoint_retention_finish(r);
    bit_board_folders_add(runs->env->config->state, &r->run);
    return append_runner(runs, r);
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
        bit_removal_resume(runs);
    if (err == 0)
        bit_info("replayed", "runs=%zu ms=%.1f", runs->count, (double)(uv_hrtime() - begun) / 1e6);
    return err;
}
