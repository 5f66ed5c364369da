/* A lane on a GPU: a stream beside the operators', and an event on each of the two that the other waits for. */
#include "kernels/exec/lane.h"

#include "kernels/cuda/gpu.h"
#include "kernels/exec/backend.h"

/* Events that are waited for sleep rather than spin: a snapshot takes long, and the host's cores have other work. */
static int open_lane(struct bit_lane *lane)
{
    const unsigned flags = cudaEventDisableTiming | cudaEventBlockingSync;
    int err = bit_gpu_try(cudaStreamCreateWithFlags((cudaStream_t *)&lane->stream, cudaStreamNonBlocking));

    if (err >= 0)
        err = bit_gpu_try(cudaEventCreateWithFlags((cudaEvent_t *)&lane->operators, flags));
    if (err >= 0)
        err = bit_gpu_try(cudaEventCreateWithFlags((cudaEvent_t *)&lane->copied, flags));
    return err;
}

static void close_lane(struct bit_lane *lane)
{
    if (lane->stream != NULL)
        cudaStreamSynchronize(lane->stream);
    if (lane->operators != NULL)
        cudaEventDestroy(lane->operators);
    if (lane->copied != NULL)
        cudaEventDestroy(lane->copied);
    if (lane->stream != NULL)
        cudaStreamDestroy(lane->stream);
}

static int follow(struct bit_lane *lane)
{
    int err = bit_gpu_try(cudaEventRecord(lane->operators, lane->exec->gpu->stream));

    return err < 0 ? err : bit_gpu_try(cudaStreamWaitEvent(lane->stream, lane->operators, 0));
}

static int copy(struct bit_lane *lane, void *to, const void *from, size_t bytes)
{
    int err = bit_gpu_try(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, lane->stream));

    return err < 0 ? err : bit_gpu_try(cudaEventRecord(lane->copied, lane->stream));
}

static int lead(struct bit_lane *lane)
{
    return bit_gpu_try(cudaStreamWaitEvent(lane->exec->gpu->stream, lane->copied, 0));
}

/* A thread that never drove the GPU would otherwise be on the first one. */
static int wait_copied(struct bit_lane *lane)
{
    int err = bit_gpu_try(cudaSetDevice(lane->exec->gpu->device));

    return err < 0 ? err : bit_gpu_try(cudaEventSynchronize(lane->copied));
}

const struct bit_lane_ops bit_lane_ops_cuda = {
    .open = open_lane,
    .close = close_lane,
    .follow = follow,
    .copy = copy,
    .lead = lead,
    .wait = wait_copied,
};
