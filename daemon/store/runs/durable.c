#include "daemon/store/runs/durable.h"

#include <string.h>
#include <unistd.h>

#include "daemon/store/board/tensorboard.h"
#include "daemon/store/runs/runs.h"
#include "proto/err.h"

void bit_durable_rest(struct bit_runner *r)
{
    if (r->job != NULL || r->syncing || bit_runner_is_blocked(r))
        return;
    bit_journal_rest(&r->journal);
    bit_tensorboard_close(r->tensorboard);
    r->tensorboard = NULL;
}

static void note_lost(struct bit_runner *r)
{
    if (r->journal.lost)
        return;
    r->journal.lost = true;
    bit_runner_block(r, bit_fail_text());
    bit_runner_changed(r);
}

int bit_durable_check(struct bit_runner *r)
{
    int err = bit_journal_wake(&r->journal);

    if (err == 0)
        err = bit_journal_look(r->journal.fd, r->journal.path);
    if (err == 0)
        r->journal.lost = false;
    else if (err == -ENOENT)
        note_lost(r);
    return err;
}

/* ---- once a second */

static void sync_in_pool(uv_work_t *work)
{
    struct bit_runner *r = work->data;

    r->sync_err = r->sync_wanted && fdatasync(r->journal.fd) < 0 ? -errno : 0;
    r->look_err = bit_journal_look(r->journal.fd, r->journal.path);
}

static void on_synced(uv_work_t *work, int status)
{
    struct bit_runner *r = work->data;

    r->syncing = false;
    if (r->leaving) {
        bit_runner_destroy(r);
        return;
    }
    if (r->sync_wanted)
        bit_journal_synced(&r->journal, r->sync_bytes, r->sync_err);
    if (r->sync_err < 0)
        bit_runner_block(r, strerror(-r->sync_err));
    if (r->look_err == -ENOENT && !r->journal.lost)
        bit_durable_check(r); /* again, on the loop: the pool's result may be outdated */
    if (r->sync_err < 0)
        bit_runner_changed(r);
    bit_durable_rest(r);
}

static void queue_sync(struct bit_runner *r)
{
    r->sync_wanted = r->journal.unsynced;
    r->journal.unsynced = false;
    r->sync_bytes = r->journal.bytes;
    r->syncing = true;
    r->sync_work.data = r;
    if (uv_queue_work(r->env->loop, &r->sync_work, sync_in_pool, on_synced) < 0) {
        r->syncing = false;
        r->journal.unsynced = r->sync_wanted;
    }
}

void bit_durable_tick(struct bit_runner *r)
{
    if (r->corrupt || r->syncing)
        return;
    if (r->job == NULL)
        bit_durable_rest(r);
    else if (r->journal.lost && r->env->stopping)
        r->runs->ops->unwritable(r->runs->owner, r, 0,
                                 r->blocked); /* nothing that it could still write would be kept */
    else if (!r->journal.torn && !r->journal.lost && bit_journal_wake(&r->journal) == 0)
        queue_sync(r);
    bit_tensorboard_flush(r->tensorboard);
}
