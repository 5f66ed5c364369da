/* Our own bf16 product for Hopper, fused with what follows it: SwiGLU, its gradient, or the rotation of q and k. */
#ifndef BIT_KERNELS_CUDA_BF16_GEMM_H
#define BIT_KERNELS_CUDA_BF16_GEMM_H

#include "kernels/exec/exec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All bf16 except cos_sin; row-major and dense. n counts columns of the outputs: of up, and of gate. */
struct bit_bf16_gemm_args {
    int64_t m, n, k;
    const void *a;        /* (M, K) */
    const void *b;        /* SWIGLU (2 N, K): up, gate; BACKWARD (K, N); ROPE (N, K) */
    const void *ug;       /* BACKWARD: (M, 2 N) */
    void *ug_out;         /* SWIGLU, BACKWARD: (M, 2 N); in BACKWARD ug itself or disjoint from it */
    const float *cos_sin; /* ROPE: (time, 64, 2): row i has the angles of position i % time; heads have 128 columns */
    int64_t time;
    void *out; /* SWIGLU: (M, N), up silu(gate); ROPE: (M, N) */
};

#define BIT_BF16_GEMM_HEAD_DIM 128

/** Whether the kernels can run this product. Errors: -ENOTSUP if the GPU is not Hopper or the build has no machine code
 * for it; -EINVAL if rows or addresses are not multiples of 16 bytes. */
int bit_bf16_gemm_check(const struct bit_exec *exec, const struct bit_bf16_gemm_args *args);
/** Enqueued, after bit_bf16_gemm_check; m, n and k at least 1. Each sum is over k in ascending steps of 16, whatever m
 * and n are. Errors: BIT_ECUDA */
int bit_bf16_gemm_swiglu(const struct bit_exec *exec, const struct bit_bf16_gemm_args *args);
int bit_bf16_gemm_backward(const struct bit_exec *exec, const struct bit_bf16_gemm_args *args);
int bit_bf16_gemm_rope(const struct bit_exec *exec, const struct bit_bf16_gemm_args *args);

#ifdef __cplusplus
}
#endif

#endif
