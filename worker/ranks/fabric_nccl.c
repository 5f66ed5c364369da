#include "worker/ranks/fabric_nccl.h"

#include <errno.h>
#include <nccl.h>
#include <stdlib.h>

#include "kernels/cuda/gpu.h"
#include "proto/check.h"
#include "proto/err.h"
#include "worker/ranks/nccl_plan.h"
#include "worker/ranks/nccl_result.h"
#include "worker/ranks/nccl_watch.h"

struct bit_nccl {
    struct bit_fabric *fabric; /* borrowed */
    struct bit_nccl_communicators communicator;
    struct bit_nccl_watch *watch;
    cudaStream_t beside_stream;  /* a separate stream, so that these do not wait for later work of the exec */
    cudaEvent_t ready, finished; /* ready: the input of a collective beside; finished: all reductions */
    cudaEvent_t *come;           /* one per span of the layout: it has been gathered; owned */
    int come_count;
};

#define nccl_try(nccl, call) bit_nccl_try((nccl)->communicator.gather, call)

/* Aborts on an error: others are inside the collective. */
static void must(struct bit_nccl *nccl, int err)
{
    if (err < 0)
        bit_comm_abort(nccl->fabric->comm, err);
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
    int err = nccl_try(nccl,
                       ncclCommSplit(nccl->communicator.whole, index, group->rank, &nccl->communicator.gather, NULL));

    if (err >= 0)
        err = nccl_try(nccl,
                       ncclCommSplit(nccl->communicator.whole, index, group->rank, &nccl->communicator.beside, NULL));
    return err < 0 ? err
                   : nccl_try(nccl, ncclCommSplit(nccl->communicator.whole, group->rank, index,
                                                  &nccl->communicator.across, NULL));
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
        err = connect_all(nccl, ids, count, divided ? &nccl->communicator.whole : &nccl->communicator.gather);
    if (err >= 0 && divided)
        err = split(nccl);
    else if (err >= 0)
        err = nccl_try(nccl, ncclCommSplit(nccl->communicator.gather, 0, comm->rank, &nccl->communicator.beside, NULL));
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
    bit_nccl_watch_destroy(nccl->watch);
    if (nccl->beside_stream != NULL)
        cudaStreamSynchronize(nccl->beside_stream);
    destroy_communicator(nccl->communicator.across);
    destroy_communicator(nccl->communicator.beside);
    destroy_communicator(nccl->communicator.gather);
    destroy_communicator(nccl->communicator.whole);
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
        err = bit_nccl_watch_create(fabric->comm, fabric->exec->gpu->device, &nccl->communicator, &nccl->watch);
    if (err >= 0)
        err = connect(nccl);
    if (err < 0)
        goto out;
    bit_nccl_watch_made(nccl->watch);
    describe(fabric);
    *out = nccl;
    nccl = NULL;
out:
    nccl_destroy(nccl);
    return err;
}

/* ---- collectives */

static void nccl_all_gather(struct bit_nccl *nccl, void *vector, size_t each_bytes)
{
    cudaStream_t stream = nccl->fabric->exec->gpu->stream;
    struct bit_nccl_operation *operation = bit_nccl_watch_begin(nccl->watch, stream);
    const uint8_t *mine = (uint8_t *)vector + (size_t)nccl->fabric->group->rank * each_bytes;

    must(nccl, nccl_try(nccl, ncclAllGather(mine, vector, each_bytes, ncclUint8, nccl->communicator.gather, stream)));
    bit_nccl_watch_end(nccl->watch, operation, stream);
}

static void nccl_sum(struct bit_nccl *nccl, void *values, int64_t count, enum bit_nccl_type type)
{
    static const ncclDataType_t types[] = {[BIT_NCCL_U32] = ncclUint32, [BIT_NCCL_F64] = ncclFloat64};
    cudaStream_t stream = nccl->fabric->exec->gpu->stream;
    struct bit_nccl_operation *operation = bit_nccl_watch_begin(nccl->watch, stream);

    must(nccl, nccl_try(nccl, ncclAllReduce(values, values, (size_t)count, types[type], ncclSum,
                                            nccl->communicator.gather, stream)));
    bit_nccl_watch_end(nccl->watch, operation, stream);
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
    struct bit_nccl_operation *operation;

    BIT_ASSERT(slot >= 0 && slot < nccl->come_count);
    follow_exec(nccl);
    operation = bit_nccl_watch_begin(nccl->watch, stream);
    must(nccl, nccl_try(nccl, ncclAllGather(mine, vector, each_bytes, ncclUint8, nccl->communicator.beside, stream)));
    bit_nccl_watch_end(nccl->watch, operation, stream);
    must(nccl, bit_gpu_try(cudaEventRecord(nccl->come[slot], stream)));
}

static void nccl_gather_await(struct bit_nccl *nccl, int slot)
{
    must(nccl, bit_gpu_try(cudaStreamWaitEvent(nccl->fabric->exec->gpu->stream, nccl->come[slot], 0)));
}

static void nccl_reduce_scatter(struct bit_nccl *nccl, float *vector, int64_t each)
{
    float *mine = vector + nccl->fabric->group->rank * each;
    struct bit_nccl_operation *operation;

    follow_exec(nccl);
    operation = bit_nccl_watch_begin(nccl->watch, nccl->beside_stream);
    must(nccl, nccl_try(nccl, ncclReduceScatter(vector, mine, (size_t)each, ncclFloat32, ncclSum,
                                                nccl->communicator.beside, nccl->beside_stream)));
    bit_nccl_watch_end(nccl->watch, operation, nccl->beside_stream);
}

static void nccl_all_reduce(struct bit_nccl *nccl, float *vector, int64_t count)
{
    cudaStream_t stream = nccl->beside_stream;
    struct bit_nccl_operation *operation;

    follow_exec(nccl);
    operation = bit_nccl_watch_begin(nccl->watch, stream);
    must(nccl, nccl_try(nccl, ncclAllReduce(vector, vector, (size_t)count, ncclFloat32, ncclSum,
                                            nccl->communicator.across, stream)));
    bit_nccl_watch_end(nccl->watch, operation, stream);
}

static void nccl_reduce_wait(struct bit_nccl *nccl)
{
    must(nccl, bit_gpu_try(cudaEventRecord(nccl->finished, nccl->beside_stream)));
    must(nccl, bit_gpu_try(cudaStreamWaitEvent(nccl->fabric->exec->gpu->stream, nccl->finished, 0)));
}

const struct bit_nccl_calls bit_nccl_calls = {
    .create = nccl_create,
    .destroy = nccl_destroy,
    .all_gather = nccl_all_gather,
    .gather_beside = nccl_gather_beside,
    .gather_await = nccl_gather_await,
    .sum = nccl_sum,
    .reduce_scatter = nccl_reduce_scatter,
    .all_reduce = nccl_all_reduce,
    .reduce_wait = nccl_reduce_wait,
};
