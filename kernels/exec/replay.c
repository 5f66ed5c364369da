#include "kernels/exec/replay.h"

#include <string.h>

#include "kernels/exec/backend.h"
#include "proto/check.h"

static void drop(struct bit_replay *r)
{
    if (r->graph != NULL)
        bit_backend_find(r->backend)->replay->drop(r);
    r->graph = NULL;
    r->runs = 0;
}

static int record_or_run(struct bit_replay *r, const struct bit_exec *exec, int (*sequence)(void *), void *arg)
{
    const struct bit_replay_ops *ops = bit_backend_find(r->backend)->replay;

    if (r->graph == NULL && r->runs > 0 && !r->refused) {
        int err = ops->record(r, exec, sequence, arg);
        if (err < 0)
            return err;
    }
    if (r->graph != NULL)
        return ops->launch(r, exec);
    r->runs++;
    return sequence(arg);
}

int bit_replay(struct bit_replay *r, const struct bit_exec *exec, const void *key, size_t key_bytes,
               int (*sequence)(void *), void *arg)
{
    BIT_ASSERT(key_bytes <= BIT_REPLAY_KEY_BYTES);
    if (bit_backend_find(exec->backend)->replay == NULL || !exec->replays || exec->trace != NULL)
        return sequence(arg);
    if (memcmp(r->key, key, key_bytes) != 0) {
        drop(r);
        memcpy(r->key, key, key_bytes);
    }
    r->backend = exec->backend;
    return record_or_run(r, exec, sequence, arg);
}

void bit_replay_finish(struct bit_replay *r)
{
    drop(r);
    *r = (struct bit_replay){0};
}
