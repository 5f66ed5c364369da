/* The choice of a cuBLASLt algorithm for each product: shared by blas.c and blas_search.c. */
#ifndef BIT_KERNELS_CUDA_BLAS_SEARCH_H
#define BIT_KERNELS_CUDA_BLAS_SEARCH_H

#include <stdbool.h>

#include "kernels/cuda/gemm/blas.h"
#include "kernels/cuda/gpu.h"
#include "kernels/exec/product_search.h"

#define BIT_BLAS_CANDIDATES_MAX 32

struct bit_blas_product {
    struct bit_product_key key;
    cublasLtMatmulDesc_t operation;
    cublasLtMatrixLayout_t a, b, c;
    cublasLtMatmulAlgo_t algorithm;
};

struct bit_blas_cache {
    struct bit_blas_product *products; /* prepared in this process */
    int count, room;
    struct bit_product_choice *table; /* rows taken and rows found here; those of called products come first */
    int table_count, met_count;
    bool searching;
};

int bit_blas_cache_of(struct bit_gpu *gpu, struct bit_blas_cache **out);
/** Drops prepared products, so that they are prepared again, by the table at that time. */
void bit_blas_forget(struct bit_blas_cache *cache);
int bit_blas_run(const struct bit_exec *exec, const struct bit_blas_product *p, const cublasLtMatmulAlgo_t *algorithm,
                 const struct bit_blas_args *args);

/** Whether the table has the product, with an algorithm that this library still accepts. */
bool bit_blas_look_up(struct bit_gpu *gpu, struct bit_blas_cache *cache, struct bit_blas_product *p);
/**
 * Time the candidates on the product's own buffers, and store the winner in p->algorithm and in the table. Each timed
 * call of a product with an addend in place adds once more.
 * Errors      -ENOMEM, BIT_ECUDA
 */
int bit_blas_search(const struct bit_exec *exec, struct bit_blas_cache *cache, struct bit_blas_product *p,
                    const struct bit_blas_args *args, const cublasLtMatmulHeuristicResult_t *candidates, int count);

#endif
