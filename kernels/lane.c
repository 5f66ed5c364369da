#include "kernels/lane.h"

#include <stdint.h>
#include <string.h>

#include "config.h"
#include "proto/check.h"
#if BIT_HAVE_CUDA
#include "kernels/cuda/gpu.h"
#endif

#define PIECE_BYTES ((int64_t)4 << 20) /* of a copy by several threads */

#if BIT_HAVE_CUDA

static bool is_gpu(const struct bit_lane *lane)
{
    return lane->exec != NULL && lane->exec->gpu != NULL;
}

/* Events that are waited for sleep rather than spin: a snapshot takes long, and the host's cores have other work. */
static int open_gpu(struct bit_lane *lane)
{
    const unsigned flags = cudaEventDisableTiming | cudaEventBlockingSync;
    int err = bit_gpu_try(cudaStreamCreateWithFlags((cudaStream_t *)&lane->stream, cudaStreamNonBlocking));

    if (err >= 0)
        err = bit_gpu_try(cudaEventCreateWithFlags((cudaEvent_t *)&lane->operators, flags));
    if (err >= 0)
        err = bit_gpu_try(cudaEventCreateWithFlags((cudaEvent_t *)&lane->copied, flags));
    return err;
}

static void close_gpu(struct bit_lane *lane)
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

static int follow_gpu(struct bit_lane *lane)
{
    int err = bit_gpu_try(cudaEventRecord(lane->operators, lane->exec->gpu->stream));

    return err < 0 ? err : bit_gpu_try(cudaStreamWaitEvent(lane->stream, lane->operators, 0));
}

static int copy_gpu(struct bit_lane *lane, void *to, const void *from, size_t bytes)
{
    int err = bit_gpu_try(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, lane->stream));

    return err < 0 ? err : bit_gpu_try(cudaEventRecord(lane->copied, lane->stream));
}

/* A thread that never drove the GPU would otherwise be on the first one. */
static int wait_gpu(struct bit_lane *lane)
{
    int err = bit_gpu_try(cudaSetDevice(lane->exec->gpu->device));

    return err < 0 ? err : bit_gpu_try(cudaEventSynchronize(lane->copied));
}

#endif

int bit_lane_init(struct bit_lane *lane, const struct bit_exec *exec)
{
    int err = 0;

    *lane = (struct bit_lane){.exec = exec};
#if BIT_HAVE_CUDA
    if (is_gpu(lane))
        err = open_gpu(lane);
#endif
    if (err < 0)
        bit_lane_finish(lane);
    return err;
}

void bit_lane_finish(struct bit_lane *lane)
{
#if BIT_HAVE_CUDA
    if (is_gpu(lane))
        close_gpu(lane);
#endif
    *lane = (struct bit_lane){0};
}

int bit_lane_follow(struct bit_lane *lane)
{
#if BIT_HAVE_CUDA
    if (is_gpu(lane))
        return follow_gpu(lane);
#endif
    return 0;
}

int bit_lane_copy(struct bit_lane *lane, void *to, const void *from, size_t bytes)
{
    if (bytes == 0)
        return 0;
#if BIT_HAVE_CUDA
    if (is_gpu(lane))
        return copy_gpu(lane, to, from, bytes);
#endif
#pragma omp parallel for num_threads(lane->exec->threads) schedule(static)
    for (int64_t at = 0; at < (int64_t)bytes; at += PIECE_BYTES)
        memcpy((char *)to + at, (const char *)from + at, (size_t)BIT_MIN(PIECE_BYTES, (int64_t)bytes - at));
    return 0;
}

int bit_lane_lead(struct bit_lane *lane)
{
#if BIT_HAVE_CUDA
    if (is_gpu(lane))
        return bit_gpu_try(cudaStreamWaitEvent(lane->exec->gpu->stream, lane->copied, 0));
#endif
    return 0;
}

int bit_lane_wait(struct bit_lane *lane)
{
#if BIT_HAVE_CUDA
    if (is_gpu(lane))
        return wait_gpu(lane);
#endif
    return 0;
}
