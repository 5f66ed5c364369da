#include "worker/ranks/fabric_nccl.h"

#include <errno.h>
#include <nccl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/cuda/gpu.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/log.h"
#include "worker/process/clock.h"
#include "worker/ranks/nccl_plan.h"

BIT_LOG_TOPIC("fabric_nccl");

#define WATCH_MS    250
#define WATCHED_MAX 128 /* operations under way that can be watched; further ones are not watched */

/* One operation on a stream: event `before` is done when it can begin, `after` when it has ended. */
struct watched {
    cudaEvent_t before, after;
    bool used;
    double began_ms; /* when `before` was first seen done; 0: not yet */
};

struct bit_nccl {
    struct bit_fabric *fabric;   /* borrowed */
    ncclComm_t whole;            /* all ranks, if they are divided into groups; the others are split from it */
    ncclComm_t gather;           /* of a group, as is the next; on the exec's stream */
    ncclComm_t beside;           /* for reductions during the backward pass, gathers during the forward pass */
    ncclComm_t across;           /* across groups; NULL if there is only one. On the same stream as `beside` */
    cudaStream_t beside_stream;  /* a separate stream, so that these do not wait for later work of the exec */
    cudaEvent_t ready, finished; /* ready: the input of a collective beside; finished: all reductions */
    cudaEvent_t *come;           /* one per span of the layout: it has been gathered; owned */
    int come_count;
    bool in_group; /* between group_begin and group_end, watched by `grouped`, which is NULL if the watch has no room */
    struct watched *grouped;

    pthread_t watch;
    bool watching;
    pthread_mutex_t lock; /* protects what follows */
    pthread_cond_t stop;
    bool stopped;
    double starting_ms; /* when the creation of communicators began; 0: they exist */
    struct watched operations[WATCHED_MAX];
};

static int result_of(const struct bit_nccl *nccl, ncclResult_t result, const char *call)
{
    const char *detail;

    if (result == ncclSuccess)
        return 0;
    detail = ncclGetLastError(nccl->gather);
    return bit_fail(BIT_ENCCL, "%.*s: %s%s%s", (int)strcspn(call, "("), call, ncclGetErrorString(result),
                    detail != NULL && detail[0] != '\0' ? ": " : "", detail != NULL ? detail : "");
}
#define nccl_try(nccl, call) result_of((nccl), (call), #call)

/* Aborts on an error: others are inside the collective. */
static void must(struct bit_nccl *nccl, int err)
{
    if (err < 0)
        bit_comm_abort(nccl->fabric->comm, err);
}

/* ---- the watch, which limits how long we wait for NCCL */

static void abort_communicator(ncclComm_t communicator)
{
    if (communicator != NULL)
        ncclCommAbort(communicator);
}

/* Only the main thread may call MPI, and it hangs in the operation: ending this process makes the launcher end the
 * job. */
static _Noreturn void give_up(struct bit_nccl *nccl, int err)
{
    struct bit_comm *comm = nccl->fabric->comm;

    bit_error("gave up", "rank=%d device=%d code=%d why=%s", comm->rank, nccl->fabric->exec->gpu->device, err,
              bit_fail_text());
    if (comm->before_abort != NULL)
        comm->before_abort(comm->before_abort_arg, err);
    abort_communicator(nccl->across);
    abort_communicator(nccl->beside);
    abort_communicator(nccl->gather);
    abort_communicator(nccl->whole);
    _exit(bit_exit_code(err));
}

static int look_at_operation(struct watched *w, double now_ms)
{
    if (!w->used)
        return 0;
    if (cudaEventQuery(w->after) == cudaSuccess) {
        w->used = false;
        return 0;
    }
    if (w->began_ms == 0 && cudaEventQuery(w->before) == cudaSuccess)
        w->began_ms = now_ms;
    if (w->began_ms > 0 && now_ms - w->began_ms > BIT_FABRIC_PATIENCE_S * 1e3)
        return bit_fail(BIT_ENCCL, "a collective between GPUs has not ended in %d s: a rank ended or hangs",
                        BIT_FABRIC_PATIENCE_S);
    return 0;
}

static int look_at_communicator(const struct bit_nccl *nccl, ncclComm_t communicator)
{
    ncclResult_t error = ncclSuccess;

    if (communicator == NULL)
        return 0;
    if (ncclCommGetAsyncError(communicator, &error) != ncclSuccess || error == ncclInProgress)
        return 0;
    return result_of(nccl, error, "between GPUs");
}

static int look(struct bit_nccl *nccl)
{
    const double now_ms = bit_clock_ms(), start_s = bit_nccl_plan_start_s(nccl->fabric->comm->size);
    int err = 0;

    if (nccl->starting_ms > 0)
        return now_ms - nccl->starting_ms < start_s * 1e3
                   ? 0
                   : bit_fail(BIT_ENCCL, "NCCL did not start in %.0f s: not every rank came", start_s);
    for (int i = 0; i < WATCHED_MAX && err >= 0; i++)
        err = look_at_operation(&nccl->operations[i], now_ms);
    if (err >= 0)
        err = look_at_communicator(nccl, nccl->beside);
    if (err >= 0)
        err = look_at_communicator(nccl, nccl->gather);
    if (err >= 0)
        err = look_at_communicator(nccl, nccl->across);
    return err;
}

static void add_ms(struct timespec *t, long ms)
{
    t->tv_nsec += ms * 1000000;
    t->tv_sec += t->tv_nsec / 1000000000;
    t->tv_nsec %= 1000000000;
}

static void *watch(void *arg)
{
    struct bit_nccl *nccl = arg;
    struct timespec next;
    int err = 0;

    cudaSetDevice(nccl->fabric->exec->gpu->device);
    pthread_mutex_lock(&nccl->lock);
    clock_gettime(CLOCK_MONOTONIC, &next);
    while (!nccl->stopped && err >= 0) {
        add_ms(&next, WATCH_MS);
        pthread_cond_timedwait(&nccl->stop, &nccl->lock, &next);
        err = nccl->stopped ? 0 : look(nccl);
    }
    pthread_mutex_unlock(&nccl->lock);
    if (err < 0)
        give_up(nccl, err);
    return NULL;
}

/* Call before an operation is enqueued on `stream`. NULL if the watch has no room. */
static struct watched *watch_begin(struct bit_nccl *nccl, cudaStream_t stream)
{
    struct watched *free_one = NULL;

    pthread_mutex_lock(&nccl->lock);
    for (int i = 0; i < WATCHED_MAX && free_one == NULL; i++)
        if (!nccl->operations[i].used)
            free_one = &nccl->operations[i];
    pthread_mutex_unlock(&nccl->lock);
    if (free_one != NULL)
        must(nccl, bit_gpu_try(cudaEventRecord(free_one->before, stream)));
    return free_one;
}

static void watch_end(struct bit_nccl *nccl, struct watched *w, cudaStream_t stream)
{
    if (w == NULL)
        return;
    must(nccl, bit_gpu_try(cudaEventRecord(w->after, stream)));
    pthread_mutex_lock(&nccl->lock);
    w->began_ms = 0;
    w->used = true;
    pthread_mutex_unlock(&nccl->lock);
}

static int start_watch(struct bit_nccl *nccl)
{
    pthread_condattr_t monotonic;

    for (int i = 0; i < WATCHED_MAX; i++) {
        int err = bit_gpu_try(cudaEventCreateWithFlags(&nccl->operations[i].before, cudaEventDisableTiming));
        if (err >= 0)
            err = bit_gpu_try(cudaEventCreateWithFlags(&nccl->operations[i].after, cudaEventDisableTiming));
        if (err < 0)
            return err;
    }
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&nccl->lock, NULL);
    pthread_cond_init(&nccl->stop, &monotonic);
    nccl->starting_ms = bit_clock_ms();
    if (pthread_create(&nccl->watch, NULL, watch, nccl) != 0)
        return bit_fail(-EAGAIN, "a thread that watches NCCL");
    nccl->watching = true;
    return 0;
}

static void stop_watch(struct bit_nccl *nccl)
{
    if (!nccl->watching)
        return;
    pthread_mutex_lock(&nccl->lock);
    nccl->stopped = true;
    pthread_cond_signal(&nccl->stop);
    pthread_mutex_unlock(&nccl->lock);
    pthread_join(nccl->watch, NULL);
}

/* ---- life */

/* Broadcasts the ids from the ranks that make them. */
static int share_ids(struct bit_nccl *nccl, ncclUniqueId *ids, int count)
{
    struct bit_comm *comm = nccl->fabric->comm;
    int err = 0;

    for (int i = 0; i < count && err >= 0; i++)
        if (comm->rank == bit_nccl_plan_root(i))
            err = nccl_try(nccl, ncclGetUniqueId(&ids[i]));
    err = bit_comm_agree(comm, err);
    for (int i = 0; i < count && err >= 0; i++)
        bit_comm_bcast(comm, &ids[i], sizeof ids[i], bit_nccl_plan_root(i));
    return err;
}

static int connect_all(struct bit_nccl *nccl, ncclUniqueId *ids, int count, ncclComm_t *out)
{
    const struct bit_comm *comm = nccl->fabric->comm;

#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 23, 0)
    if (count > 1)
        return nccl_try(nccl, ncclCommInitRankScalable(out, comm->size, comm->rank, count, ids, NULL));
#endif
    return nccl_try(nccl, ncclCommInitRank(out, comm->size, ids[0], comm->rank));
}

/* Makes two communicators of a group, and one across groups. */
static int split(struct bit_nccl *nccl)
{
    const struct bit_comm *group = nccl->fabric->group;
    const int index = nccl->fabric->comm->rank / group->size;
    int err = nccl_try(nccl, ncclCommSplit(nccl->whole, index, group->rank, &nccl->gather, NULL));

    if (err >= 0)
        err = nccl_try(nccl, ncclCommSplit(nccl->whole, index, group->rank, &nccl->beside, NULL));
    return err < 0 ? err : nccl_try(nccl, ncclCommSplit(nccl->whole, group->rank, index, &nccl->across, NULL));
}

/* Makes two communicators of the same ranks: the second is split from the first, which needs no new rendezvous. Groups
 * are split from one communicator of all ranks. */
static int connect(struct bit_nccl *nccl)
{
    const struct bit_comm *comm = nccl->fabric->comm;
    const int count = bit_nccl_plan_ids(comm->size);
    const bool divided = nccl->fabric->across != NULL;
    ncclUniqueId *ids = calloc((size_t)count, sizeof *ids);
    int err = bit_comm_agree(nccl->fabric->comm, ids == NULL ? bit_fail(-ENOMEM, "%d ids of NCCL", count) : 0);

    if (err >= 0)
        err = share_ids(nccl, ids, count);
    if (err >= 0)
        err = connect_all(nccl, ids, count, divided ? &nccl->whole : &nccl->gather);
    if (err >= 0 && divided)
        err = split(nccl);
    else if (err >= 0)
        err = nccl_try(nccl, ncclCommSplit(nccl->gather, 0, comm->rank, &nccl->beside, NULL));
    free(ids);
    return err;
}

static void describe(struct bit_fabric *fabric)
{
    int version = 0;

    ncclGetVersion(&version);
    bit_nccl_plan_describe(version, fabric->description, sizeof fabric->description);
}

static void destroy_communicator(ncclComm_t communicator)
{
    if (communicator != NULL)
        ncclCommDestroy(communicator);
}

static void nccl_destroy(struct bit_nccl *nccl)
{
    if (nccl == NULL)
        return;
    stop_watch(nccl);
    if (nccl->beside_stream != NULL)
        cudaStreamSynchronize(nccl->beside_stream);
    destroy_communicator(nccl->across);
    destroy_communicator(nccl->beside);
    destroy_communicator(nccl->gather);
    destroy_communicator(nccl->whole);
    for (int i = 0; i < WATCHED_MAX; i++) {
        if (nccl->operations[i].before != NULL)
            cudaEventDestroy(nccl->operations[i].before);
        if (nccl->operations[i].after != NULL)
            cudaEventDestroy(nccl->operations[i].after);
    }
    if (nccl->ready != NULL)
        cudaEventDestroy(nccl->ready);
    if (nccl->finished != NULL)
        cudaEventDestroy(nccl->finished);
    for (int i = 0; i < nccl->come_count; i++)
        cudaEventDestroy(nccl->come[i]);
    free(nccl->come);
    if (nccl->beside_stream != NULL)
        cudaStreamDestroy(nccl->beside_stream);
    free(nccl);
}

static int create_come(struct bit_nccl *nccl, int spans)
{
    int err = 0;

    nccl->come = calloc((size_t)spans + 1, sizeof *nccl->come);
    if (nccl->come == NULL)
        return bit_fail(-ENOMEM, "%d events", spans);
    while (nccl->come_count < spans && err >= 0) {
        err = bit_gpu_try(cudaEventCreateWithFlags(&nccl->come[nccl->come_count], cudaEventDisableTiming));
        nccl->come_count += err >= 0;
    }
    return err;
}

static int nccl_create(struct bit_fabric *fabric, struct bit_nccl **out)
{
    struct bit_nccl *nccl = calloc(1, sizeof *nccl);
    int err;

    if (nccl == NULL)
        return bit_fail(-ENOMEM, "NCCL");
    nccl->fabric = fabric;
    bit_nccl_plan_environment(fabric->exec->deterministic);
    err = bit_gpu_try(cudaStreamCreateWithFlags(&nccl->beside_stream, cudaStreamNonBlocking));
    if (err >= 0)
        err = bit_gpu_try(cudaEventCreateWithFlags(&nccl->ready, cudaEventDisableTiming));
    if (err >= 0)
        err = bit_gpu_try(cudaEventCreateWithFlags(&nccl->finished, cudaEventDisableTiming));
    if (err >= 0)
        err = create_come(nccl, fabric->layout->span_count);
    if (err >= 0)
        err = start_watch(nccl);
    if (err >= 0)
        err = connect(nccl);
    if (err < 0)
        goto out;
    pthread_mutex_lock(&nccl->lock);
    nccl->starting_ms = 0;
    pthread_mutex_unlock(&nccl->lock);
    describe(fabric);
    *out = nccl;
    nccl = NULL;
out:
    nccl_destroy(nccl);
    return err;
}

/* ---- collectives */

static void nccl_group_begin(struct bit_nccl *nccl)
{
    must(nccl, nccl_try(nccl, ncclGroupStart()));
    nccl->grouped = watch_begin(nccl, nccl->fabric->exec->gpu->stream);
    nccl->in_group = true;
}

static void nccl_group_end(struct bit_nccl *nccl)
{
    nccl->in_group = false;
    must(nccl, nccl_try(nccl, ncclGroupEnd()));
    watch_end(nccl, nccl->grouped, nccl->fabric->exec->gpu->stream);
}

/* Between group_begin and group_end all operations are watched as one. */
static struct watched *watch_one(struct bit_nccl *nccl, cudaStream_t stream)
{
    return nccl->in_group ? NULL : watch_begin(nccl, stream);
}

static void nccl_all_gather(struct bit_nccl *nccl, void *vector, size_t each_bytes)
{
    cudaStream_t stream = nccl->fabric->exec->gpu->stream;
    struct watched *w = watch_one(nccl, stream);
    const uint8_t *mine = (uint8_t *)vector + (size_t)nccl->fabric->group->rank * each_bytes;

    must(nccl, nccl_try(nccl, ncclAllGather(mine, vector, each_bytes, ncclUint8, nccl->gather, stream)));
    watch_end(nccl, w, stream);
}

static void nccl_sum(struct bit_nccl *nccl, void *values, int64_t count, enum bit_nccl_type type)
{
    static const ncclDataType_t types[] = {[BIT_NCCL_U32] = ncclUint32, [BIT_NCCL_F64] = ncclFloat64};
    cudaStream_t stream = nccl->fabric->exec->gpu->stream;
    struct watched *w = watch_one(nccl, stream);

    must(nccl,
         nccl_try(nccl, ncclAllReduce(values, values, (size_t)count, types[type], ncclSum, nccl->gather, stream)));
    watch_end(nccl, w, stream);
}

/* What is enqueued on the second stream from now on waits for what is enqueued on the exec's stream now. */
static void follow_exec(struct bit_nccl *nccl)
{
    must(nccl, bit_gpu_try(cudaEventRecord(nccl->ready, nccl->fabric->exec->gpu->stream)));
    must(nccl, bit_gpu_try(cudaStreamWaitEvent(nccl->beside_stream, nccl->ready, 0)));
}

static void nccl_gather_beside(struct bit_nccl *nccl, void *vector, size_t each_bytes, int slot)
{
    const uint8_t *mine = (uint8_t *)vector + (size_t)nccl->fabric->group->rank * each_bytes;
    cudaStream_t stream = nccl->beside_stream;
    struct watched *w;

    BIT_ASSERT(slot >= 0 && slot < nccl->come_count);
    follow_exec(nccl);
    w = watch_begin(nccl, stream);
    must(nccl, nccl_try(nccl, ncclAllGather(mine, vector, each_bytes, ncclUint8, nccl->beside, stream)));
    watch_end(nccl, w, stream);
    must(nccl, bit_gpu_try(cudaEventRecord(nccl->come[slot], stream)));
}

static void nccl_gather_await(struct bit_nccl *nccl, int slot)
{
    must(nccl, bit_gpu_try(cudaStreamWaitEvent(nccl->fabric->exec->gpu->stream, nccl->come[slot], 0)));
}

static void nccl_reduce_scatter(struct bit_nccl *nccl, float *vector, int64_t each)
{
    float *mine = vector + nccl->fabric->group->rank * each;
    struct watched *w;

    follow_exec(nccl);
    w = watch_begin(nccl, nccl->beside_stream);
    must(nccl, nccl_try(nccl, ncclReduceScatter(vector, mine, (size_t)each, ncclFloat32, ncclSum, nccl->beside,
                                                nccl->beside_stream)));
    watch_end(nccl, w, nccl->beside_stream);
}

static void nccl_all_reduce(struct bit_nccl *nccl, float *vector, int64_t count)
{
    cudaStream_t stream = nccl->beside_stream;
    struct watched *w;

    follow_exec(nccl);
    w = watch_begin(nccl, stream);
    must(nccl,
         nccl_try(nccl, ncclAllReduce(vector, vector, (size_t)count, ncclFloat32, ncclSum, nccl->across, stream)));
    watch_end(nccl, w, stream);
}

static void nccl_reduce_wait(struct bit_nccl *nccl)
{
    must(nccl, bit_gpu_try(cudaEventRecord(nccl->finished, nccl->beside_stream)));
    must(nccl, bit_gpu_try(cudaStreamWaitEvent(nccl->fabric->exec->gpu->stream, nccl->finished, 0)));
}

const struct bit_nccl_calls bit_nccl_calls = {
    .create = nccl_create,
    .destroy = nccl_destroy,
    .group_begin = nccl_group_begin,
    .group_end = nccl_group_end,
    .all_gather = nccl_all_gather,
    .gather_beside = nccl_gather_beside,
    .gather_await = nccl_gather_await,
    .sum = nccl_sum,
    .reduce_scatter = nccl_reduce_scatter,
    .all_reduce = nccl_all_reduce,
    .reduce_wait = nccl_reduce_wait,
};
