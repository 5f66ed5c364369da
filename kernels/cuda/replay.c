/* A sequence of operators as a CUDA graph. */
#include "kernels/exec/replay.h"

#include <stdio.h>

#include "kernels/cuda/gpu.h"
#include "kernels/exec/backend.h"
#include "proto/err.h"

static void refuse(struct bit_replay *r)
{
    r->refused = true;
    snprintf(r->why, sizeof r->why, "%s", bit_fail_text());
    cudaGetLastError(); /* or the next launch would report it */
}

/* The capture is thread-local, because other threads query events and copies meanwhile. */
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
        return 0; /* err is ignored: the failed capture often makes the sequence fail, too */
    r->graph = ready;
    return err;
}

static int launch(const struct bit_replay *r, const struct bit_exec *exec)
{
    return bit_gpu_try(cudaGraphLaunch((cudaGraphExec_t)r->graph, exec->gpu->stream));
}

static void drop(struct bit_replay *r)
{
    cudaGraphExecDestroy((cudaGraphExec_t)r->graph);
}

const struct bit_replay_ops bit_replay_ops_cuda = {.record = record, .launch = launch, .drop = drop};
