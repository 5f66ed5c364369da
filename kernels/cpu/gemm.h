/*
 * The packed matrix product that matmul and bitlinear call: C = A B^T with A (M, K) and B (N, K) read through strides,
 * so that every orientation is the same product.
 *
 * A block of B (K_c, N_c) is packed once by all threads and shared. Each thread takes blocks of A's rows, which it
 * reads in place if it can, and packs if they must be transposed or converted. A tile of C is summed in registers.
 * Every element of C is summed by one thread in an order that depends only on the shape: the same bits for any number
 * of threads. With AVX-512 products are vdpbf16ps and vpdpbusd; otherwise everything is converted to f32 as it is
 * packed (sums of int8 by ternary codes stay below 2^24, so they are exact there, too).
 */
#ifndef BIT_KERNELS_CPU_GEMM_H
#define BIT_KERNELS_CPU_GEMM_H

#include "kernels/product_plan.h"

struct bit_gemm_operand {
    const void *data;
    enum bit_dtype dtype;
    int64_t row, step; /* elements from one row to the next, and from one k to the next; one of them is 1 */
};

struct bit_gemm_args {
    int64_t m, n, k;
    enum bit_dtype math; /* BIT_I8: A int8, B ternary codes. BIT_BF16, BIT_F32: both are converted to it */
    struct bit_gemm_operand a, b;
    const struct bit_segments *k_segments; /* sums over a segment of K are divided by its scale; NULL for 1 */
    const float *row_scale;                /* (M): C's row is divided by it and by n_segments' scale (bitlinear.h has */
    const struct bit_segments *n_segments; /* the order of operations); both or neither NULL */
    void *c;                               /* (M, N) dense */
    enum bit_dtype c_dtype;
    const void *addend; /* (M, N) of c_dtype, c itself or disjoint from it; NULL for none. With row_scale f32 only */
};

/** Errors: -ENOMEM if exec's workspace is below bit_gemm_workspace. The caller checks shapes. */
int bit_gemm_cpu(const struct bit_exec *exec, const struct bit_gemm_args *args);

#endif
