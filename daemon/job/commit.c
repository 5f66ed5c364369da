#include "daemon/job/commit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/runs/runner.h"
#include "daemon/sys/files/fileio.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"

struct commit {
    uv_work_t work;
    bit_committed *committed;
    void *arg;
    Bit__CheckpointReport *report;
    char *folder; /* runs/<id>/checkpoints */
    char run[BIT_RUN_ID_MAX];
    uint64_t epoch;
    int err;
    char text[BIT_ERR_TEXT_MAX];
};

static void free_commit(struct commit *c)
{
    bit_msg_free(c->report);
    free(c->folder);
    free(c);
}

static void commit_in_pool(uv_work_t *work)
{
    struct commit *c = work->data;
    char partial[BIT_PATH_MAX];

    c->err = bit_checkpoint_commit(c->folder, c->report->name, c->run, c->epoch);
    if (c->err < 0)
        bit_format(c->text, sizeof c->text, "%s", bit_fail_text());
    /* Still under the partial name: what had the name before, or a folder that got none. It is not tried again. */
    if (bit_checkpoint_partial(c->folder, c->report->name, c->epoch, partial, sizeof partial) == 0)
        bit_dir_remove(partial);
}

static void on_committed(uv_work_t *work, int status)
{
    struct commit *c = work->data;
    Bit__CheckpointReport m = *c->report; /* its texts stay owned by the report */

    if (c->err < 0) {
        m.error = c->err;
        m.text = c->text;
    }
    c->committed(c->arg, &m);
    free_commit(c);
}

int bit_commit_start(const struct bit_runner *r, const Bit__CheckpointReport *m, bit_committed *committed, void *arg)
{
    struct commit *c = calloc(1, sizeof *c);

    if (c == NULL || (c->folder = bit_runner_path(r, "checkpoints")) == NULL ||
        (c->report = bit_msg_clone(m)) == NULL) {
        if (c != NULL)
            free_commit(c);
        return bit_fail(-ENOMEM, "checkpoint %s", m->name);
    }
    c->committed = committed;
    c->arg = arg;
    c->epoch = r->run.launch.epoch;
    snprintf(c->run, sizeof c->run, "%s", r->run.id);
    c->work.data = c;
    int err = uv_queue_work(r->env->loop, &c->work, commit_in_pool, on_committed);
    if (err < 0) {
        free_commit(c);
        return bit_fail(err, "the thread pool: %s", uv_strerror(err));
    }
    return 0;
}
