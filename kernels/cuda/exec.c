/* The execution context on a GPU, and marks in its stream. */
#include "kernels/exec/exec.h"

#include <stdio.h>

#include "kernels/cuda/gpu.h"
#include "kernels/exec/backend.h"

static int open_exec(struct bit_exec *exec, int device)
{
    return bit_gpu_create(device, &exec->gpu);
}

static void close_exec(struct bit_exec *exec)
{
    bit_gpu_destroy(exec->gpu);
}

static void describe(const struct bit_exec *exec, char *to, size_t bytes)
{
    snprintf(to, bytes, "cuda %d %s sm_%d", exec->gpu->device, exec->gpu->name, exec->gpu->capability);
}

static int alloc(struct bit_exec *exec, size_t bytes, void **out)
{
    return bit_gpu_alloc(exec->gpu, bytes, out);
}

static void free_memory(struct bit_exec *exec, void *memory, size_t bytes)
{
    bit_gpu_free(exec->gpu, memory);
}

static int alloc_host(struct bit_exec *exec, size_t bytes, void **out)
{
    return bit_gpu_alloc_host(exec->gpu, bytes, out);
}

static void free_host(struct bit_exec *exec, void *memory, size_t bytes)
{
    bit_gpu_free_host(exec->gpu, memory, bytes);
}

static int copy(const struct bit_exec *exec, void *to, const void *from, size_t bytes)
{
    return bit_gpu_copy(exec->gpu, to, from, bytes);
}

static int zero(const struct bit_exec *exec, void *memory, size_t bytes)
{
    return bit_gpu_zero(exec->gpu, memory, bytes);
}

static int wait_all(const struct bit_exec *exec)
{
    return bit_gpu_wait(exec->gpu);
}

const struct bit_exec_ops bit_exec_ops_cuda = {
    .open = open_exec,
    .close = close_exec,
    .describe = describe,
    .alloc = alloc,
    .free = free_memory,
    .alloc_host = alloc_host,
    .free_host = free_host,
    .copy = copy,
    .zero = zero,
    .wait = wait_all,
};

static size_t memory_bytes(const struct bit_exec *exec)
{
    return exec->gpu->memory_bytes;
}

static int bus(const struct bit_exec *exec, char bus[32])
{
    return bit_gpu_try(cudaDeviceGetPCIBusId(bus, 32, exec->gpu->device));
}

const struct bit_device_ops bit_device_ops_cuda = {
    .count = bit_gpu_count,
    .memory_left = bit_gpu_memory,
    .memory_bytes = memory_bytes,
    .bus = bus,
};

/* ---- marks */

static int init_mark(struct bit_mark *mark)
{
    return bit_gpu_try(cudaEventCreate((cudaEvent_t *)&mark->event));
}

static void finish_mark(struct bit_mark *mark)
{
    if (mark->event != NULL)
        cudaEventDestroy(mark->event);
}

static int set_mark(struct bit_mark *mark, const struct bit_exec *exec)
{
    return bit_gpu_try(cudaEventRecord(mark->event, exec->gpu->stream));
}

static double ms_between(const struct bit_mark *from, const struct bit_mark *to)
{
    float ms = 0;

    return cudaEventElapsedTime(&ms, from->event, to->event) == cudaSuccess ? ms : 0;
}

const struct bit_mark_ops bit_mark_ops_cuda = {
    .init = init_mark,
    .finish = finish_mark,
    .set = set_mark,
    .ms = ms_between,
};
