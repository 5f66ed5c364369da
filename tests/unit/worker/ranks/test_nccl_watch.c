/*
 * When the watch of NCCL ends a rank. CUDA's events and NCCL's communicators are played here, and the linker wraps the
 * clock, the thread's wait and _exit: the thread looks when the test lets it, at a time that the test sets, and what
 * would end the process ends the thread.
 */
#include "worker/ranks/nccl_watch.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "kernels/cuda/gpu.h"
#include "proto/err.h"
#include "tests/test.h"
#include "worker/ranks/fabric.h"
#include "worker/ranks/nccl_plan.h"

#define OPERATIONS_MAX 128 /* of nccl_watch.c */
#define RANKS          4

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *then);
int __wrap_pthread_cond_signal(pthread_cond_t *cond);
int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
_Noreturn void __wrap__exit(int code);

static sem_t may_look, has_looked; /* has_looked: it waits again, or is gone */
static double now_s;
static int exit_code; /* of the rank; -1: it lives */
static char why[256];

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *then)
{
    pthread_mutex_unlock(lock);
    sem_post(&has_looked);
    sem_wait(&may_look);
    pthread_mutex_lock(lock);
    return ETIMEDOUT;
}

int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    return sem_post(&may_look);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    if (clock != CLOCK_MONOTONIC)
        return __real_clock_gettime(clock, out);
    *out = (struct timespec){.tv_sec = (time_t)now_s};
    return 0;
}

_Noreturn void __wrap__exit(int code)
{
    exit_code = code;
    snprintf(why, sizeof why, "%s", bit_fail_text());
    sem_post(&has_looked);
    pthread_exit(NULL);
}

/* ---- CUDA */

struct CUevent_st {
    bool done;
};

static int events;                                     /* that exist */
static cudaEvent_t recorded[2 * (OPERATIONS_MAX + 2)]; /* in order */
static int recorded_count;

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags)
{
    *out = calloc(1, sizeof **out);
    events++;
    return *out != NULL ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    free(event);
    events--;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    event->done = false;
    recorded[recorded_count++] = event;
    return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    return event->done ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaSetDevice(int device)
{
    return cudaSuccess;
}

int bit_gpu_result(cudaError_t result, const char *call)
{
    return result == cudaSuccess ? 0 : bit_fail(BIT_ECUDA, "%s: %d", call, result);
}

/* ---- NCCL and MPI */

struct ncclComm {
    ncclResult_t state;
    bool aborted;
};

static struct ncclComm whole, gather, beside, across;
static int reported; /* the error that was given to before_abort */

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *state)
{
    *state = comm->state;
    return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm)
{
    EXPECT(reported < 0); /* before it could hang in here */
    comm->aborted = true;
    return ncclSuccess;
}

const char *ncclGetErrorString(ncclResult_t result)
{
    return result == ncclRemoteError ? "remote error" : "another error";
}

const char *ncclGetLastError(ncclComm_t comm)
{
    return "the last one";
}

_Noreturn void bit_comm_abort(struct bit_comm *comm, int err)
{
    abort();
}

static void note_report(void *arg, int err)
{
    reported = err;
}

/* ---- the watch */

static struct bit_comm comm = {.size = RANKS, .before_abort = note_report};
static struct bit_nccl_communicators communicators;

static struct bit_nccl_watch *begin_watch(void)
{
    struct bit_nccl_watch *w = NULL;

    whole = gather = beside = across = (struct ncclComm){.state = ncclSuccess};
    communicators = (struct bit_nccl_communicators){&whole, &gather, &beside, &across};
    now_s = 1000;
    exit_code = -1;
    reported = recorded_count = 0;
    sem_init(&may_look, 0, 0);
    sem_init(&has_looked, 0, 0);
    EXPECT_EQ(bit_nccl_watch_create(&comm, 0, &communicators, &w), 0);
    sem_wait(&has_looked);
    return w;
}

/* Lets the thread look so many seconds later. Returns whether the rank still lives. */
static bool lives_after(double s)
{
    if (exit_code >= 0)
        return false;
    now_s += s;
    sem_post(&may_look);
    sem_wait(&has_looked);
    return exit_code < 0;
}

static void end_watch(struct bit_nccl_watch *w)
{
    bit_nccl_watch_destroy(w);
    EXPECT_EQ(events, 0);
}

static void enqueue(struct bit_nccl_watch *w)
{
    bit_nccl_watch_end(w, bit_nccl_watch_begin(w, NULL), NULL);
}

TEST(a_collective_that_does_not_end_ends_the_rank)
{
    struct bit_nccl_watch *w = begin_watch();

    bit_nccl_watch_made(w);
    enqueue(w);
    recorded[0]->done = true; /* it can begin */
    EXPECT(lives_after(1));
    EXPECT(lives_after(BIT_FABRIC_PATIENCE_S));
    EXPECT(!lives_after(1));
    EXPECT_EQ(exit_code, bit_exit_code(BIT_ENCCL));
    EXPECT_CONTAINS(why, "a collective between GPUs has not ended in 60 s");
    EXPECT_EQ(reported, BIT_ENCCL);
    EXPECT(whole.aborted && gather.aborted && beside.aborted && across.aborted);
    end_watch(w);
}

/* It may wait for a long computation that was enqueued before it. */
TEST(time_counts_from_when_a_collective_can_begin)
{
    struct bit_nccl_watch *w = begin_watch();

    bit_nccl_watch_made(w);
    enqueue(w);
    EXPECT(lives_after(1));
    EXPECT(lives_after(10 * BIT_FABRIC_PATIENCE_S));
    recorded[0]->done = true;
    EXPECT(lives_after(BIT_FABRIC_PATIENCE_S));
    recorded[1]->done = true; /* it has ended */
    EXPECT(lives_after(10 * BIT_FABRIC_PATIENCE_S));
    enqueue(w); /* in the place of the first */
    recorded[2]->done = true;
    EXPECT(lives_after(1));
    EXPECT(lives_after(BIT_FABRIC_PATIENCE_S));
    EXPECT(!lives_after(1));
    end_watch(w);
}

TEST(further_collectives_than_there_are_places_are_not_watched)
{
    struct bit_nccl_watch *w = begin_watch();

    bit_nccl_watch_made(w);
    for (int i = 0; i < OPERATIONS_MAX; i++)
        enqueue(w);
    EXPECT(bit_nccl_watch_begin(w, NULL) == NULL);
    bit_nccl_watch_end(w, NULL, NULL);
    EXPECT_EQ(recorded_count, 2 * OPERATIONS_MAX);
    recorded[2 * 7 + 1]->done = true;
    EXPECT(lives_after(1));
    EXPECT(bit_nccl_watch_begin(w, NULL) != NULL);
    EXPECT(recorded[2 * OPERATIONS_MAX] == recorded[2 * 7]); /* the place of the one that ended */
    end_watch(w);
}

TEST(communicators_that_are_not_made_in_time_end_the_rank)
{
    struct bit_nccl_watch *w = begin_watch();

    communicators = (struct bit_nccl_communicators){.whole = NULL};
    EXPECT(lives_after(bit_nccl_plan_start_s(RANKS) - 1));
    EXPECT(!lives_after(2));
    EXPECT_CONTAINS(why, "NCCL did not start in 60 s: not every rank came");
    EXPECT_EQ(reported, BIT_ENCCL);
    end_watch(w);
    w = begin_watch();
    bit_nccl_watch_made(w);
    EXPECT(lives_after(2 * bit_nccl_plan_start_s(RANKS)));
    end_watch(w);
}

TEST(a_communicator_that_failed_ends_the_rank)
{
    struct ncclComm *const looked_at[] = {&gather, &beside, &across};

    for (int i = 0; i < 3; i++) {
        struct bit_nccl_watch *w = begin_watch();
        looked_at[i]->state = ncclRemoteError;
        EXPECT(lives_after(1)); /* they are not looked at while they are made */
        bit_nccl_watch_made(w);
        looked_at[i]->state = ncclInProgress;
        EXPECT(lives_after(1));
        looked_at[i]->state = ncclRemoteError;
        EXPECT(!lives_after(1));
        EXPECT_EQ(exit_code, bit_exit_code(BIT_ENCCL));
        EXPECT_CONTAINS(why, "between GPUs: remote error: the last one");
        end_watch(w);
    }
}

TEST(one_group_has_none_across)
{
    struct bit_nccl_watch *w = begin_watch();

    communicators.across = communicators.whole = NULL;
    bit_nccl_watch_made(w);
    EXPECT(lives_after(1));
    beside.state = ncclSystemError;
    EXPECT(!lives_after(1));
    EXPECT(gather.aborted && beside.aborted && !across.aborted && !whole.aborted);
    end_watch(w);
}

TEST_MAIN
