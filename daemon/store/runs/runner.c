#include "daemon/store/runs/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/store/board/tensorboard.h"
#include "daemon/store/runs/runs.h"
#include "proto/check.h"
#include "proto/wire/msg.h"

char *bit_runner_path(const struct bit_runner *r, const char *rest)
{
    char *path;

    return asprintf(&path, "%s/%s", r->dir, rest) < 0 ? NULL : path;
}

struct bit_runner *bit_runner_new(struct bit_runs *runs, uint64_t number, Bit__RunSpec *spec)
{
    struct bit_runner *r = calloc(1, sizeof *r);

    if (r == NULL) {
        bit_msg_free(spec);
        return NULL;
    }
    r->env = runs->env;
    r->runs = runs;
    r->journal.fd = -1;
    bit_run_init(&r->run, number, spec);
    uv_timer_init(r->env->loop, &r->retry);
    r->retry.data = r;
    if (asprintf(&r->dir, "%s/runs/%s", r->env->config->state, r->run.id) < 0) {
        r->dir = NULL;
        bit_runner_destroy(r);
        return NULL;
    }
    return r;
}

static void free_runner(uv_handle_t *handle)
{
    struct bit_runner *r = handle->data;

    bit_tensorboard_close(r->tensorboard);
    bit_journal_close(&r->journal);
    for (size_t i = 0; i < r->pending_count; i++)
        free(r->pending[i].bytes);
    free(r->pending);
    bit_run_finish(&r->run);
    free(r->dir);
    free(r);
}

void bit_runner_destroy(struct bit_runner *r)
{
    BIT_ASSERT(r->job == NULL);
    r->leaving = r->syncing;
    if (!r->leaving)
        uv_close((uv_handle_t *)&r->retry, free_runner);
}

bool bit_runner_is_blocked(const struct bit_runner *r)
{
    return r->pending_count > 0 || r->journal.torn || r->journal.lost;
}

bool bit_runner_is_withheld(const struct bit_runner *r)
{
    return r->withheld[0] != '\0' && r->job == NULL && r->run.state == BIT__RUN_STATE__QUEUED;
}

void bit_runner_changed(struct bit_runner *r)
{
    r->runs->ops->changed(r->runs->owner, r);
}

bool bit_runner_is_own(const struct bit_runner *r)
{
    return r->run.uid == geteuid() || r->run.uid == 0;
}
