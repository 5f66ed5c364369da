/* Scratch memory of the packed matrix products that matmul and bitlinear are made of. */
#ifndef BIT_KERNELS_GEMM_H
#define BIT_KERNELS_GEMM_H
#include "kernels/exec.h"

#define BIT_GEMM_BLOCK_BYTES (1 << 20) /* a block of B, shared by the threads */
#define BIT_GEMM_SUMS_BYTES  (2 << 20) /* partial sums, where C cannot hold them */
#define BIT_GEMM_SLAB_BYTES  (1 << 18) /* a block of A, for each thread */

static inline size_t bit_gemm_workspace(int threads)
{
    return BIT_GEMM_BLOCK_BYTES + BIT_GEMM_SUMS_BYTES + (size_t)threads * BIT_GEMM_SLAB_BYTES;
}

#endif
