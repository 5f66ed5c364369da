/* One GPU: its stream, handles and properties. Only for .cu files and the few host files that drive the device; all
 * other code uses bit_exec. */
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

/* State that a family of operators keeps between calls (algorithms found, graphs built). bit_gpu owns it, and destroys
 * it at its end. */
enum bit_gpu_cache_kind { BIT_GPU_CACHE_MATMUL, BIT_GPU_CACHE_ATTENTION, BIT_GPU_CACHES };
struct bit_gpu_cache {
    void *state;
    void (*destroy)(void *state);
};

struct bit_gpu {
    int device;
    int capability; /* 10 major + minor: 80, 90, ... */
    int sm_count;
    size_t shared_bytes_max; /* per block, after cudaFuncSetAttribute */
    size_t memory_bytes;     /* of the whole GPU */
    char name[64];
    cudaStream_t stream; /* of all operators */
    cublasLtHandle_t blas;
    struct bit_gpu_cache cache[BIT_GPU_CACHES];
};

/** 0, or BIT_ECUDA, noted with the call and CUDA's error. */
int bit_gpu_result(cudaError_t result, const char *call);
int bit_gpu_blas_result(cublasStatus_t status, const char *call);
#define bit_gpu_try(call)      bit_gpu_result((call), #call)
#define bit_gpu_blas_try(call) bit_gpu_blas_result((call), #call)
/** The result of the launch of kernel `name`: call it directly after every <<<>>>. */
int bit_gpu_launched(const char *name);

/* For cuda/exec.c; kernels/exec/exec.h has their contracts. */
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
