#include "worker/ranks/nccl_watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernels/cuda/gpu.h"
#include "proto/err.h"
#include "proto/log.h"
#include "worker/process/clock.h"
#include "worker/ranks/fabric.h"
#include "worker/ranks/nccl_plan.h"
#include "worker/ranks/nccl_result.h"

BIT_LOG_TOPIC("nccl_watch");

#define LOOK_MS        250
#define OPERATIONS_MAX 128 /* under way that can be watched; further ones are not watched */

/* On a stream: event `before` is done when it can begin, `after` when it has ended. */
struct bit_nccl_operation {
    cudaEvent_t before, after;
    bool used;
    double began_ms; /* when `before` was first seen done; 0: not yet */
};

struct bit_nccl_watch {
    struct bit_comm *comm;
    int device;
    const struct bit_nccl_communicators *communicators;

    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* protects what follows */
    pthread_cond_t stop;
    bool stopped;
    double starting_ms; /* when the creation of communicators began; 0: they exist */
    struct bit_nccl_operation operations[OPERATIONS_MAX];
};

/* ---- the thread */

static void abort_communicator(ncclComm_t communicator)
{
    if (communicator != NULL)
        ncclCommAbort(communicator);
}

static _Noreturn void give_up(struct bit_nccl_watch *w, int err)
{
    struct bit_comm *comm = w->comm;

    bit_error("gave up", "rank=%d device=%d code=%d why=%s", comm->rank, w->device, err, bit_fail_text());
    if (comm->before_abort != NULL)
        comm->before_abort(comm->before_abort_arg, err);
    abort_communicator(w->communicators->across);
    abort_communicator(w->communicators->beside);
    abort_communicator(w->communicators->gather);
    abort_communicator(w->communicators->whole);
    _exit(bit_exit_code(err));
}

static int look_at_operation(struct bit_nccl_operation *o, double now_ms)
{
    if (!o->used)
        return 0;
    if (cudaEventQuery(o->after) == cudaSuccess) {
        o->used = false;
        return 0;
    }
    if (o->began_ms == 0 && cudaEventQuery(o->before) == cudaSuccess)
        o->began_ms = now_ms;
    if (o->began_ms > 0 && now_ms - o->began_ms > BIT_FABRIC_PATIENCE_S * 1e3)
        return bit_fail(BIT_ENCCL, "a collective between GPUs has not ended in %d s: a rank ended or hangs",
                        BIT_FABRIC_PATIENCE_S);
    return 0;
}

static int look_at_communicator(const struct bit_nccl_watch *w, ncclComm_t communicator)
{
    ncclResult_t error = ncclSuccess;

    if (communicator == NULL)
        return 0;
    if (ncclCommGetAsyncError(communicator, &error) != ncclSuccess || error == ncclInProgress)
        return 0;
    return bit_nccl_result(w->communicators->gather, error, "between GPUs");
}

static int look(struct bit_nccl_watch *w)
{
    const double now_ms = bit_clock_ms(), start_s = bit_nccl_plan_start_s(w->comm->size);
    int err = 0;

    if (w->starting_ms > 0)
        return now_ms - w->starting_ms < start_s * 1e3
                   ? 0
                   : bit_fail(BIT_ENCCL, "NCCL did not start in %.0f s: not every rank came", start_s);
    for (int i = 0; i < OPERATIONS_MAX && err >= 0; i++)
        err = look_at_operation(&w->operations[i], now_ms);
    if (err >= 0)
        err = look_at_communicator(w, w->communicators->beside);
    if (err >= 0)
        err = look_at_communicator(w, w->communicators->gather);
    if (err >= 0)
        err = look_at_communicator(w, w->communicators->across);
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
    struct bit_nccl_watch *w = arg;
    struct timespec next;
    int err = 0;

    cudaSetDevice(w->device);
    pthread_mutex_lock(&w->lock);
    clock_gettime(CLOCK_MONOTONIC, &next);
    while (!w->stopped && err >= 0) {
        add_ms(&next, LOOK_MS);
        pthread_cond_timedwait(&w->stop, &w->lock, &next);
        err = w->stopped ? 0 : look(w);
    }
    pthread_mutex_unlock(&w->lock);
    if (err < 0)
        give_up(w, err);
    return NULL;
}

/* ---- life */

static int create_events(struct bit_nccl_watch *w)
{
    int err = 0;

    for (int i = 0; i < OPERATIONS_MAX && err >= 0; i++) {
        err = bit_gpu_try(cudaEventCreateWithFlags(&w->operations[i].before, cudaEventDisableTiming));
        if (err >= 0)
            err = bit_gpu_try(cudaEventCreateWithFlags(&w->operations[i].after, cudaEventDisableTiming));
    }
    return err;
}

static int start(struct bit_nccl_watch *w)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->stop, &monotonic);
    w->starting_ms = bit_clock_ms();
    if (pthread_create(&w->thread, NULL, watch, w) != 0)
        return bit_fail(-EAGAIN, "a thread that watches NCCL");
    w->running = true;
    return 0;
}

int bit_nccl_watch_create(struct bit_comm *comm, int device, const struct bit_nccl_communicators *communicators,
                          struct bit_nccl_watch **out)
{
    struct bit_nccl_watch *w = calloc(1, sizeof *w);
    int err;

    if (w == NULL)
        return bit_fail(-ENOMEM, "a watch of NCCL");
    w->comm = comm;
    w->device = device;
    w->communicators = communicators;
    err = create_events(w);
    if (err >= 0)
        err = start(w);
    if (err < 0)
        goto out;
    *out = w;
    w = NULL;
out:
    bit_nccl_watch_destroy(w);
    return err;
}

void bit_nccl_watch_made(struct bit_nccl_watch *w)
{
    pthread_mutex_lock(&w->lock);
    w->starting_ms = 0;
    pthread_mutex_unlock(&w->lock);
}

static void end(struct bit_nccl_watch *w)
{
    if (!w->running)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopped = true;
    pthread_cond_signal(&w->stop);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->stop);
    pthread_mutex_destroy(&w->lock);
}

void bit_nccl_watch_destroy(struct bit_nccl_watch *w)
{
    if (w == NULL)
        return;
    end(w);
    for (int i = 0; i < OPERATIONS_MAX; i++) {
        if (w->operations[i].before != NULL)
            cudaEventDestroy(w->operations[i].before);
        if (w->operations[i].after != NULL)
            cudaEventDestroy(w->operations[i].after);
    }
    free(w);
}

/* ---- operations */

static void record(struct bit_nccl_watch *w, cudaEvent_t event, cudaStream_t stream)
{
    int err = bit_gpu_try(cudaEventRecord(event, stream));

    if (err < 0) /* others are inside the collective */
        bit_comm_abort(w->comm, err);
}

struct bit_nccl_operation *bit_nccl_watch_begin(struct bit_nccl_watch *w, cudaStream_t stream)
{
    struct bit_nccl_operation *free_one = NULL;

    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < OPERATIONS_MAX && free_one == NULL; i++)
        if (!w->operations[i].used)
            free_one = &w->operations[i];
    pthread_mutex_unlock(&w->lock);
    if (free_one != NULL)
        record(w, free_one->before, stream);
    return free_one;
}

void bit_nccl_watch_end(struct bit_nccl_watch *w, struct bit_nccl_operation *operation, cudaStream_t stream)
{
    if (operation == NULL)
        return;
    record(w, operation->after, stream);
    pthread_mutex_lock(&w->lock);
    operation->began_ms = 0;
    operation->used = true;
    pthread_mutex_unlock(&w->lock);
}
