#include "kernels/replay.h"

#include <stdio.h>
#include <string.h>

#include "config.h"
#include "proto/check.h"
#include "proto/err.h"
#if BIT_HAVE_CUDA
#include "kernels/cuda/gpu.h"
#endif

#if BIT_HAVE_CUDA

static void drop(struct bit_replay *r)
{
    if (r->graph != NULL)
        cudaGraphExecDestroy((cudaGraphExec_t)r->graph);
    r->graph = NULL;
    r->runs = 0;
}

static void refuse(struct bit_replay *r)
{
    r->refused = true;
    snprintf(r->why, sizeof r->why, "%s", bit_fail_text());
    cudaGetLastError(); /* or the next launch would report it */
}

/*
 * Only what this thread does is recorded: others ask about events and copies meanwhile. Returns the sequence's error,
 * and leaves no graph where it could not be recorded.
 */
static int record(struct bit_replay *r, const struct bit_exec *exec, int (*sequence)(void *), void *arg)
{
    const cudaStream_t stream = exec->gpu->stream;
    cudaGraph_t graph = NULL;
    cudaGraphExec_t ready = NULL;
    int err = bit_gpu_try(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));

    if (err < 0) {
        refuse(r);
        return 0;
    }
    err = sequence(arg);
    if (bit_gpu_try(cudaStreamEndCapture(stream, &graph)) < 0 ||
        (err >= 0 && bit_gpu_try(cudaGraphInstantiate(&ready, graph, 0)) < 0))
        refuse(r);
    if (graph != NULL)
        cudaGraphDestroy(graph);
    if (r->refused)
        return 0; /* the capture's failure is often what the sequence saw too */
    r->graph = ready;
    return err;
}

static int run_on_gpu(struct bit_replay *r, const struct bit_exec *exec, int (*sequence)(void *), void *arg)
{
    if (r->graph == NULL && r->runs > 0 && !r->refused) {
        int err = record(r, exec, sequence, arg);
        if (err < 0)
            return err;
    }
    if (r->graph != NULL)
        return bit_gpu_try(cudaGraphLaunch((cudaGraphExec_t)r->graph, exec->gpu->stream));
    r->runs++;
    return sequence(arg);
}

#endif

int bit_replay(struct bit_replay *r, const struct bit_exec *exec, const void *key, size_t key_bytes,
               int (*sequence)(void *), void *arg)
{
    BIT_ASSERT(key_bytes <= BIT_REPLAY_KEY_BYTES);
#if BIT_HAVE_CUDA
    if (exec->gpu != NULL && exec->replays && exec->trace == NULL) {
        if (memcmp(r->key, key, key_bytes) != 0) {
            drop(r);
            memcpy(r->key, key, key_bytes);
        }
        return run_on_gpu(r, exec, sequence, arg);
    }
#endif
    return sequence(arg);
}

void bit_replay_finish(struct bit_replay *r)
{
#if BIT_HAVE_CUDA
    drop(r);
#endif
    *r = (struct bit_replay){0};
}
