#include "worker/replica.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "proto/check.h"
#include "proto/err.h"
#include "worker/action.h"
#include "worker/inspect.h"
#include "worker/ranks/worker_state.h"

#define PIECE ((size_t)4 << 20) /* bytes copied from a device at once */

/* The host's memory is hashed in place. */
static int hash(const struct bit_exec *exec, XXH3_state_t *state, void *staging, const void *memory, size_t bytes)
{
    int err = 0;

    if (exec->backend != BIT_BACKEND_CUDA) {
        XXH3_64bits_update(state, memory, bytes);
        return 0;
    }
    for (size_t at = 0; at < bytes && err >= 0; at += PIECE) {
        size_t now = BIT_MIN(PIECE, bytes - at);
        err = bit_exec_copy(exec, staging, (const char *)memory + at, now);
        if (err >= 0)
            err = bit_exec_wait(exec);
        if (err >= 0)
            XXH3_64bits_update(state, staging, now);
    }
    return err;
}

static int hash_weights(struct bit_worker *w, XXH3_state_t *state, void *staging, int64_t begin, int64_t end)
{
    const size_t bytes = (size_t)(end - begin) * bit_dtype_bytes(w->plan.operands);

    return hash(&w->model->exec, state, staging, bit_model_weight(w->model, begin), bytes);
}

/* Hashes what publish.h publishes in this phase and at this strength. */
static int hash_published(struct bit_worker *w, XXH3_state_t *state, void *staging)
{
    const struct bit_published *now = &w->publish.now;
    const int64_t begin = w->shard.linear_begin, end = w->shard.linear_end;
    int segments = 0, err;

    if (now->precision != BIT__PRECISION__TERNARY)
        return hash_weights(w, state, staging, 0, w->plan.elements);
    for (int i = 0; i < w->plan.linear_count; i++)
        segments += w->plan.linears[i].segment_count;
    err = hash(&w->model->exec, state, staging, w->model->scales, (size_t)segments * sizeof *w->model->scales);
    if (err < 0 || now->strength < 1)
        return err < 0 ? err : hash_weights(w, state, staging, 0, w->plan.elements);
    err = hash_weights(w, state, staging, 0, begin);
    if (err >= 0)
        err = hash(&w->model->exec, state, staging, bit_model_codes(w->model, begin), (size_t)(end - begin));
    return err < 0 ? err : hash_weights(w, state, staging, end, w->plan.elements);
}

/* XXH3-64 of everything that this rank's model multiplies with. Errors: -ENOMEM or the backend's. */
static int digest_copy(struct bit_worker *w, uint64_t *digest)
{
    struct bit_exec *exec = &w->model->exec;
    XXH3_state_t *state = XXH3_createState();
    void *staging = NULL;
    int err = state == NULL ? bit_fail(-ENOMEM, "a digest") : 0;

    if (err >= 0 && exec->backend == BIT_BACKEND_CUDA)
        err = bit_exec_alloc_host(exec, PIECE, &staging);
    if (err >= 0) {
        XXH3_64bits_reset(state);
        err = hash_published(w, state, staging);
    }
    if (err >= 0)
        *digest = XXH3_64bits_digest(state);
    bit_exec_free_host(exec, staging, PIECE);
    XXH3_freeState(state);
    return err;
}

/* Gathers the ranks' digests, in rank order; false if a rank has none. */
static bool gather_digests(struct bit_worker *w, uint64_t *all)
{
    struct {
        uint64_t digest;
        int64_t err;
    } mine = {0}, *gathered = w->gathered;
    bool ok = true;

    mine.err = bit_exec_wait(&w->model->exec); /* nothing may be writing the weights any more */
    if (mine.err >= 0)
        mine.err = digest_copy(w, &mine.digest);
    bit_comm_gather(w->comm, &mine, sizeof mine, gathered);
    for (int r = 0; r < w->comm->size; r++) {
        ok &= gathered[r].err >= 0;
        all[r] = gathered[r].digest;
    }
    return ok;
}

static bool all_equal(const uint64_t *v, int count)
{
    for (int i = 1; i < count; i++)
        if (v[i] != v[0])
            return false;
    return true;
}

/* The first rank with the rarest value; of two ranks, the second. */
static int minority(const uint64_t *v, int count)
{
    int rank = -1, fewest = count + 1;

    for (int i = 0; i < count; i++) {
        int same = 0;
        for (int k = 0; k < count; k++)
            same += v[k] == v[i];
        if (same < fewest || (same == fewest && v[i] != v[0] && v[rank] == v[0])) {
            fewest = same;
            rank = i;
        }
    }
    return rank;
}

/* Keeps the counts, which are this step's already: publishing again would count no flips. */
static int publish_again(struct bit_worker *w, const struct bit_action *action)
{
    const struct bit_publish_counts counts = w->publish.counts;
    const struct bit_exec *exec = &w->model->exec;
    uint64_t counted[BIT_COUNTED];
    int err = bit_exec_copy(exec, counted, w->publish.counted, sizeof counted);

    if (err >= 0)
        err = bit_exec_wait(exec);
    bit_publish_stale(&w->publish);
    if (err >= 0)
        err = bit_publish_train(&w->publish, w->optim.master, action->precision, action->strength);
    if (err >= 0)
        err = bit_publish_await_all(&w->publish);
    w->publish.counts = counts;
    if (err >= 0)
        err = bit_exec_copy(exec, w->publish.counted, counted, sizeof counted);
    return err < 0 ? err : bit_exec_wait(exec);
}

static int compare(struct bit_worker *w, const struct bit_action *action, uint64_t *before, uint64_t *after,
                   bool *again, struct bit_inspection *in)
{
    struct bit_anomaly a = {.kind = BIT__ANOMALY_KIND__REPLICA, .rank = -1};
    const int size = w->comm->size;
    int err;

    *again = false;
    if (!gather_digests(w, before) || all_equal(before, size))
        return 0;
    err = publish_again(w, action);
    if (err < 0)
        return err;
    a.healed = gather_digests(w, after) && all_equal(after, size);
    for (int r = 0; r < size && a.healed && a.rank < 0; r++)
        if (before[r] != after[r])
            a.rank = r;
    if (!a.healed)
        a.rank = minority(after, size);
    *again = a.healed;
    bit_inspection_add(in, &a);
    return 0;
}

int bit_replica_compare(struct bit_worker *w, const struct bit_action *action, bool *again, struct bit_inspection *in)
{
    uint64_t *digests = calloc(2 * (size_t)w->comm->size, sizeof *digests);
    int err = bit_comm_agree(w->comm, digests == NULL ? bit_fail(-ENOMEM, "digests") : 0);

    if (err >= 0)
        err = compare(w, action, digests, digests + w->comm->size, again, in);
    free(digests);
    return err;
}
