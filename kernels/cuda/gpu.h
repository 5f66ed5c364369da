/* One GPU as operators see it: its stream, its handles, what it can do. For .cu files and the few host files that drive
 * the device; everything else knows bit_exec alone. */
#ifndef BIT_KERNELS_CUDA_GPU_H
#define BIT_KERNELS_CUDA_GPU_H

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "kernels/exec/exec.h"

/* What a family of operators keeps from call to call (algorithms found, graphs built). It belongs to bit_gpu and is
 * destroyed with it. */
enum bit_gpu_cache_kind { BIT_GPU_CACHE_MATMUL, BIT_GPU_CACHE_ATTENTION, BIT_GPU_CACHES };
struct bit_gpu_cache {
    void *state;
    void (*destroy)(void *state);
};

struct bit_gpu {
    int device;
    int capability; /* 10 major + minor: 80, 90, ... */
    int sm_count;
    size_t shared_bytes_max; /* of one block, after cudaFuncSetAttribute */
    size_t memory_bytes;     /* of the whole GPU */
    char name[64];
    cudaStream_t stream; /* of all operators */
    cublasLtHandle_t blas;
    struct bit_gpu_cache cache[BIT_GPU_CACHES];
};

/** 0, or BIT_ECUDA with what was called and what CUDA says. */
int bit_gpu_result(cudaError_t result, const char *call);
int bit_gpu_blas_result(cublasStatus_t status, const char *call);
#define bit_gpu_try(call)      bit_gpu_result((call), #call)
#define bit_gpu_blas_try(call) bit_gpu_blas_result((call), #call)
/** What the launch of `name` said: for the line after every <<<>>>. */
int bit_gpu_launched(const char *name);

/* For cuda/exec.c; kernels/exec/exec.h has what they promise. */
int bit_gpu_count(int *count);
int bit_gpu_memory(int device, size_t *bytes);
int bit_gpu_create(int device, struct bit_gpu **out);
void bit_gpu_destroy(struct bit_gpu *gpu);
int bit_gpu_alloc(struct bit_gpu *gpu, size_t bytes, void **out);
void bit_gpu_free(struct bit_gpu *gpu, void *memory);
int bit_gpu_alloc_host(struct bit_gpu *gpu, size_t bytes, void **out);
void bit_gpu_free_host(struct bit_gpu *gpu, void *memory, size_t bytes);
int bit_gpu_copy(struct bit_gpu *gpu, void *to, const void *from, size_t bytes);
int bit_gpu_zero(struct bit_gpu *gpu, void *memory, size_t bytes);
int bit_gpu_wait(struct bit_gpu *gpu);

#ifdef __cplusplus
}
#endif

#endif
