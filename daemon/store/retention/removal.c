#include "daemon/store/retention/removal.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/sys/files/fileio.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("removal");

#define LEAVING "removed." /* prefix of the name of a folder that was or is being removed, before the run's id */

struct removal {
    uv_work_t work;
    struct bit_runs *runs;
    struct bit_runner *runner; /* NULL: begun by an earlier bitd */
    char *path, *leaving;      /* before and after the rename; path is NULL if it is already renamed */
    char id[BIT_RUN_ID_MAX], request_id[BIT_REQUEST_ID_MAX + 1];
    bool dry_run;
    struct bit_removal_done done;
    bit_removal_ended *ended;
    void *arg;
};

bool bit_removal_may_ask(const char *request_id)
{
    const char *at = request_id;

    while (isalnum((unsigned char)*at) || *at == '-' || *at == '_')
        at++;
    return *at == '\0' && at > request_id && at - request_id <= BIT_REQUEST_ID_MAX;
}

static void free_removal(struct removal *m)
{
    free(m->path);
    free(m->leaving);
    free(m);
}

/* ---- which request removed which run */

/* On the heap; NULL: no memory. */
static char *leaving_path(const struct bit_runs *runs, const char *id, const char *request_id)
{
    char *path = NULL;

    return asprintf(&path, "%s/runs/" LEAVING "%s.%s", runs->env->config->state, id, request_id) < 0 ? NULL : path;
}

/* The oldest is forgotten with its folder, which is empty. If a failed removal left files in it, it stays. */
static void forget(const struct bit_runs *runs, const struct bit_runs_removed *oldest)
{
    char *path = leaving_path(runs, oldest->id, oldest->request_id);

    if (path != NULL)
        rmdir(path);
    free(path);
}

static void note(struct bit_runs *runs, const char *request_id, const char *id)
{
    struct bit_runs_removed *at = &runs->removed[runs->removed_count % BIT_RUNS_REMOVED_MAX];

    if (runs->removed_count++ >= BIT_RUNS_REMOVED_MAX)
        forget(runs, at);
    snprintf(at->request_id, sizeof at->request_id, "%s", request_id);
    snprintf(at->id, sizeof at->id, "%s", id);
}

bool bit_removal_find(const struct bit_runs *runs, const char *request_id, char id[BIT_RUN_ID_MAX])
{
    size_t held = BIT_MIN(runs->removed_count, (size_t)BIT_RUNS_REMOVED_MAX);

    for (size_t i = 0; i < held; i++)
        if (strcmp(runs->removed[i].request_id, request_id) == 0) {
            snprintf(id, BIT_RUN_ID_MAX, "%s", runs->removed[i].id);
            return true;
        }
    return false;
}

/* ---- on the pool */

/* The new name is made durable before anything is removed: otherwise a power cut could bring back half a run. */
static int rename_away(const struct removal *m)
{
    char parent[BIT_CONFIG_PATH_MAX + 16];

    if (rename(m->path, m->leaving) < 0)
        return bit_fail(-errno, "%s: %s", m->path, strerror(errno));
    bit_format(parent, sizeof parent, "%s/runs", m->runs->env->config->state);
    return bit_dir_sync(parent);
}

static void work_in_pool(uv_work_t *work)
{
    struct removal *m = work->data;
    int err = 0;

    if (m->dry_run) {
        err = bit_dir_bytes(m->path, &m->done.bytes);
    } else {
        err = m->path != NULL ? rename_away(m) : 0;
        m->done.renamed = err == 0;
        if (err == 0)
            err = bit_dir_empty(m->leaving, &m->done.bytes);
    }
    m->done.err = err;
    if (err < 0)
        bit_format(m->done.text, sizeof m->done.text, "%s", bit_fail_text());
}

/* ---- on the loop */

static void drop_runner(struct removal *m)
{
    if (m->runner == NULL)
        return;
    bit_runs_drop(m->runs, m->runner);
    m->runner = NULL;
    note(m->runs, m->request_id, m->id);
}

static void on_worked(uv_work_t *work, int status)
{
    struct removal *m = work->data;

    if (m->done.renamed)
        drop_runner(m);
    else
        m->runner->removing = false;
    if (m->done.err < 0)
        bit_warn("not removed", "run=%s text=%s", m->id, m->done.text);
    else if (m->done.renamed)
        bit_info("removed", "run=%s bytes=%llu", m->id, (unsigned long long)m->done.bytes);
    if (m->ended != NULL)
        m->ended(m->arg, &m->done);
    free_removal(m);
}

static int queue(struct removal *m)
{
    m->work.data = m;
    int err = uv_queue_work(m->runs->env->loop, &m->work, work_in_pool, on_worked);
    return err < 0 ? bit_fail(err, "the thread pool: %s", uv_strerror(err)) : 0;
}

static struct removal *make(struct bit_runs *runs, const char *id, const char *request_id)
{
    struct removal *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    m->runs = runs;
    snprintf(m->id, sizeof m->id, "%s", id);
    snprintf(m->request_id, sizeof m->request_id, "%s", request_id);
    m->leaving = leaving_path(runs, id, request_id);
    return m;
}

int bit_removal_start(struct bit_runner *r, const char *request_id, bool dry_run, bit_removal_ended *ended, void *arg)
{
    struct removal *m = make(r->runs, r->run.id, request_id);

    BIT_ASSERT(r->job == NULL && !r->removing);
    if (m == NULL || m->leaving == NULL || (m->path = strdup(r->dir)) == NULL) {
        if (m != NULL)
            free_removal(m);
        return bit_fail(-ENOMEM, "the removal of %s", r->run.id);
    }
    m->runner = r;
    m->dry_run = dry_run;
    m->ended = ended;
    m->arg = arg;
    int err = queue(m);
    if (err < 0)
        free_removal(m);
    else
        r->removing = true;
    return err;
}

/* ---- when bitd starts */

/* A folder of an earlier bitd: "removed.r7.REQUEST". */
struct left {
    char id[BIT_RUN_ID_MAX], request_id[BIT_REQUEST_ID_MAX + 1];
    uint64_t changed_ns; /* if it is empty: when its last file was removed */
};

static bool read_name(const char *name, struct left *out)
{
    const char *at = name + strlen(LEAVING), *dot = strchr(at, '.');

    if (strncmp(name, LEAVING, strlen(LEAVING)) != 0 || dot == NULL || (size_t)(dot - at) >= sizeof out->id ||
        !bit_removal_may_ask(dot + 1))
        return false;
    snprintf(out->id, sizeof out->id, "%.*s", (int)(dot - at), at);
    snprintf(out->request_id, sizeof out->request_id, "%s", dot + 1);
    return true;
}

static int list_left(const char *folder, struct left **list, size_t *count)
{
    DIR *dir = opendir(folder);
    int err = dir == NULL ? bit_fail(-errno, "%s: %s", folder, strerror(errno)) : 0;

    for (struct dirent *entry; err == 0 && (entry = readdir(dir)) != NULL;) {
        struct left one = {0};
        struct stat st;
        if (!read_name(entry->d_name, &one) || fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        one.changed_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
        struct left *grown = realloc(*list, (*count + 1) * sizeof *grown);
        if (grown == NULL) {
            err = bit_fail(-ENOMEM, "the removals of %s", folder);
            break;
        }
        *list = grown;
        grown[(*count)++] = one;
    }
    if (dir != NULL)
        closedir(dir);
    return err;
}

static int by_time(const void *a, const void *b)
{
    const uint64_t x = ((const struct left *)a)->changed_ns, y = ((const struct left *)b)->changed_ns;

    return x < y ? -1 : x > y;
}

/* The removal of an empty folder had ended. */
static void resume_one(struct bit_runs *runs, const struct left *one)
{
    struct removal *m = make(runs, one->id, one->request_id);
    int err = m != NULL && m->leaving != NULL ? 0 : bit_fail(-ENOMEM, "the removal of %s", one->id);
    const bool had_ended = err == 0 && bit_dir_count(m->leaving) == 0;

    note(runs, one->request_id, one->id);
    if (err == 0 && !had_ended)
        err = queue(m);
    if (err < 0)
        bit_warn("not removed", "run=%s text=%s", one->id, bit_fail_text());
    if ((err < 0 || had_ended) && m != NULL)
        free_removal(m);
}

void bit_removal_resume(struct bit_runs *runs)
{
    char folder[BIT_CONFIG_PATH_MAX + 16];
    struct left *list = NULL;
    size_t count = 0;

    snprintf(folder, sizeof folder, "%s/runs", runs->env->config->state);
    if (list_left(folder, &list, &count) < 0)
        bit_warn("removals not finished", "text=%s", bit_fail_text());
    if (count > 0)
        qsort(list, count, sizeof *list, by_time);
    for (size_t i = 0; i < count; i++)
        resume_one(runs, &list[i]);
    free(list);
}
