/* Which of cuBLASLt's algorithms a product takes: what blas.c and the search share. */
#ifndef BIT_KERNELS_CUDA_BLAS_SEARCH_H
#define BIT_KERNELS_CUDA_BLAS_SEARCH_H

#include <stdbool.h>

#include "kernels/cuda/blas.h"
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
    struct bit_blas_product *products; /* made ready in this process */
    int count, room;
    struct bit_product_choice *table; /* taken, and found here; those that were met come first */
    int table_count, met_count;
    bool searching;
};

int bit_blas_cache_of(struct bit_gpu *gpu, struct bit_blas_cache **out);
/** Products are made ready anew, by the table that there is then. */
void bit_blas_forget(struct bit_blas_cache *cache);
int bit_blas_run(const struct bit_exec *exec, const struct bit_blas_product *p, const cublasLtMatmulAlgo_t *algorithm,
                 const struct bit_blas_args *args);

/** Whether the table has the product, and this library still takes what it says. */
bool bit_blas_look_up(struct bit_gpu *gpu, struct bit_blas_cache *cache, struct bit_blas_product *p);
/**
 * Time the candidates on the product's own buffers, and leave the winner in p->algorithm and in the table. What the
 * product adds to is added to by every call.
 * Errors      -ENOMEM, BIT_ECUDA
 */
int bit_blas_search(const struct bit_exec *exec, struct bit_blas_cache *cache, struct bit_blas_product *p,
                    const struct bit_blas_args *args, const cublasLtMatmulHeuristicResult_t *candidates, int count);

#endif
