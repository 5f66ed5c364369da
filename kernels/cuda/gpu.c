#include "kernels/cuda/gpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/check.h"
#include "proto/err.h"

#define CAPABILITY_MIN 80 /* bf16 in the tensor cores */

static int device_in_use; /* one in a process */

int bit_gpu_result(cudaError_t result, const char *call)
{
    if (result == cudaSuccess)
        return 0;
    return bit_fail(BIT_ECUDA, "GPU %d: %.*s: %s", device_in_use, (int)strcspn(call, "("), call,
                    cudaGetErrorString(result));
}

int bit_gpu_blas_result(cublasStatus_t status, const char *call)
{
    if (status == CUBLAS_STATUS_SUCCESS)
        return 0;
    return bit_fail(BIT_ECUDA, "GPU %d: %.*s: %s", device_in_use, (int)strcspn(call, "("), call,
                    cublasLtGetStatusString(status));
}

int bit_gpu_launched(const char *name)
{
    const cudaError_t result = cudaGetLastError();

    return bit_gpu_result(result, name);
}

/* Checks that the GPU exists, and otherwise notes why it cannot be used. */
static int find_device(int device)
{
    int count = 0, driver = 0, runtime = 0;
    const cudaError_t result = cudaGetDeviceCount(&count);

    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    if (result == cudaErrorInsufficientDriver && driver > 0)
        return bit_fail(-ENODEV, "the GPU driver is for CUDA %d.%d, but this build needs %d.%d", driver / 1000,
                        driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
    if (result == cudaErrorInsufficientDriver || result == cudaErrorNoDevice || (result == cudaSuccess && count == 0))
        return bit_fail(-ENODEV, "this machine has no NVIDIA GPU that its driver can use");
    if (result != cudaSuccess)
        return bit_fail(-ENODEV, "looking for GPUs: %s", cudaGetErrorString(result));
    if (device >= count)
        return bit_fail(-ENODEV, "GPU %d was requested, but this machine has %d", device, count);
    return 0;
}

int bit_gpu_count(int *count)
{
    int err = find_device(0);

    return err < 0 ? err : bit_gpu_try(cudaGetDeviceCount(count));
}

int bit_gpu_memory(int device, size_t *bytes)
{
    size_t all;
    int err = find_device(device);

    if (err >= 0)
        err = bit_gpu_try(cudaSetDevice(device));
    return err < 0 ? err : bit_gpu_try(cudaMemGetInfo(bytes, &all));
}

static int read_facts(struct bit_gpu *gpu)
{
    struct cudaDeviceProp facts;
    int err = bit_gpu_try(cudaGetDeviceProperties(&facts, gpu->device));

    if (err < 0)
        return err;
    gpu->capability = 10 * facts.major + facts.minor;
    gpu->sm_count = facts.multiProcessorCount;
    gpu->shared_bytes_max = facts.sharedMemPerBlockOptin;
    gpu->memory_bytes = facts.totalGlobalMem;
    snprintf(gpu->name, sizeof gpu->name, "%.63s", facts.name);
    if (gpu->capability < CAPABILITY_MIN)
        return bit_fail(-ENODEV, "GPU %d (%s) has compute capability %d.%d, but at least %d.%d is needed", gpu->device,
                        gpu->name, facts.major, facts.minor, CAPABILITY_MIN / 10, CAPABILITY_MIN % 10);
    return 0;
}

int bit_gpu_create(int device, struct bit_gpu **out)
{
    struct bit_gpu *gpu;
    int err = find_device(device);

    if (err < 0)
        return err;
    gpu = calloc(1, sizeof *gpu);
    if (gpu == NULL)
        return bit_fail(-ENOMEM, "GPU %d", device);
    device_in_use = gpu->device = device;
    if ((err = bit_gpu_try(cudaSetDevice(device))) < 0 || (err = read_facts(gpu)) < 0 ||
        (err = bit_gpu_try(cudaStreamCreateWithFlags(&gpu->stream, cudaStreamNonBlocking))) < 0 ||
        (err = bit_gpu_blas_try(cublasLtCreate(&gpu->blas))) < 0)
        goto out;
    *out = gpu;
    gpu = NULL;
out:
    bit_gpu_destroy(gpu);
    return err;
}

void bit_gpu_destroy(struct bit_gpu *gpu)
{
    if (gpu == NULL)
        return;
    if (gpu->stream != NULL)
        cudaStreamSynchronize(gpu->stream);
    for (int c = 0; c < BIT_GPU_CACHES; c++)
        if (gpu->cache[c].destroy != NULL)
            gpu->cache[c].destroy(gpu->cache[c].state);
    if (gpu->blas != NULL)
        cublasLtDestroy(gpu->blas);
    if (gpu->stream != NULL)
        cudaStreamDestroy(gpu->stream);
    free(gpu);
}

/* ---- memory: plain allocations, made before the first step */

int bit_gpu_alloc(struct bit_gpu *gpu, size_t bytes, void **out)
{
    size_t left = 0, all = 0;
    void *memory = NULL;
    cudaError_t result = cudaMalloc(&memory, BIT_MAX(bytes, 1));

    if (result == cudaErrorMemoryAllocation) {
        cudaGetLastError(); /* or the next launch would report it */
        cudaMemGetInfo(&left, &all);
        return bit_fail(-ENOMEM, "%.2f GiB on GPU %d, which has %.2f GiB left of %.2f", (double)bytes / (1 << 30),
                        gpu->device, (double)left / (1 << 30), (double)all / (1 << 30));
    }
    int err = bit_gpu_result(result, "cudaMalloc");
    if (err >= 0)
        err = bit_gpu_zero(gpu, memory, bytes);
    if (err < 0) {
        cudaFree(memory);
        return err;
    }
    *out = memory;
    return 0;
}

void bit_gpu_free(struct bit_gpu *gpu, void *memory)
{
    cudaStreamSynchronize(gpu->stream);
    cudaFree(memory);
}

/* Anonymous pages, page-locked: the system zeroes them, in huge pages if it has them, so that a snapshot of many GiB
 * need not be zeroed a second time. */
int bit_gpu_alloc_host(struct bit_gpu *gpu, size_t bytes, void **out)
{
    const size_t mapped = BIT_MAX(bytes, 1);
    void *memory = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return bit_fail(-ENOMEM, "%.2f GiB of memory", (double)bytes / (1 << 30));
    madvise(memory, mapped, MADV_HUGEPAGE); /* only speed */
    if (cudaHostRegister(memory, mapped, cudaHostRegisterPortable) != cudaSuccess) {
        cudaGetLastError();
        munmap(memory, mapped);
        return bit_fail(-ENOMEM, "%.2f GiB of locked memory", (double)bytes / (1 << 30));
    }
    *out = memory;
    return 0;
}

void bit_gpu_free_host(struct bit_gpu *gpu, void *memory, size_t bytes)
{
    cudaStreamSynchronize(gpu->stream);
    cudaHostUnregister(memory);
    munmap(memory, BIT_MAX(bytes, 1));
}

int bit_gpu_copy(struct bit_gpu *gpu, void *to, const void *from, size_t bytes)
{
    return bit_gpu_try(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, gpu->stream));
}

int bit_gpu_zero(struct bit_gpu *gpu, void *memory, size_t bytes)
{
    return bit_gpu_try(cudaMemsetAsync(memory, 0, bytes, gpu->stream));
}

int bit_gpu_wait(struct bit_gpu *gpu)
{
    return bit_gpu_try(cudaStreamSynchronize(gpu->stream));
}
