#include "daemon/store/retention/removal.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sys/fileio.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("removal");

#define LEAVING "removed." /* prefix of the name of a folder that is being removed, before the run's id */

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

static void note(struct bit_runs *runs, const char *request_id, const char *id)
{
    struct bit_runs_removed *at = &runs->removed[runs->removed_count++ % BIT_RUNS_REMOVED_MAX];

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
    if (m->done.renamed && m->done.err == 0)
        rmdir(m->leaving);
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
    if (asprintf(&m->leaving, "%s/runs/" LEAVING "%s.%s", runs->env->config->state, id, request_id) < 0)
        m->leaving = NULL;
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

/* "removed.r7.REQUEST" */
static void resume_one(struct bit_runs *runs, const char *name)
{
    char id[BIT_RUN_ID_MAX];
    const char *at = name + strlen(LEAVING), *dot = strchr(at, '.');

    if (dot == NULL || (size_t)(dot - at) >= sizeof id || !bit_removal_may_ask(dot + 1))
        return;
    snprintf(id, sizeof id, "%.*s", (int)(dot - at), at);
    struct removal *m = make(runs, id, dot + 1);
    if (m == NULL || m->leaving == NULL || queue(m) < 0) {
        bit_warn("not removed", "name=%s text=%s", name, bit_fail_text());
        if (m != NULL)
            free_removal(m);
        return;
    }
    note(runs, m->request_id, id);
}

void bit_removal_resume(struct bit_runs *runs)
{
    char folder[BIT_CONFIG_PATH_MAX + 16];

    snprintf(folder, sizeof folder, "%s/runs", runs->env->config->state);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, LEAVING, strlen(LEAVING)) == 0)
            resume_one(runs, entry->d_name);
    if (dir != NULL)
        closedir(dir);
}
