/* A lane on a GPU: a second stream, and an event in each of the two streams, for which the other waits. */
#include "kernels/exec/lane.h"

#include "kernels/cuda/gpu.h"
#include "kernels/exec/backend.h"

/* Waiting for these events sleeps instead of spinning: a snapshot takes long, and the host's cores have other work. */
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

/* Sets the device, since a thread that has not used CUDA before has the first GPU as its device. */
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
