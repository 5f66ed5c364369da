/*
 * cuBLASLt is column-major: it sees a row-major matrix as its transpose. So it computes C^T = B^T A^T: its first
 * operand is our b, its second our a, its m our n.
 */
#include "kernels/cuda/gemm/blas.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/gemm/blas_search.h"
#include "kernels/cuda/gpu.h"
#include "proto/check.h"
#include "proto/err.h"

#define ALIGNMENT_MAX 256 /* no algorithm needs more */

static void free_product(struct bit_blas_product *p)
{
    if (p->operation != NULL)
        cublasLtMatmulDescDestroy(p->operation);
    if (p->a != NULL)
        cublasLtMatrixLayoutDestroy(p->a);
    if (p->b != NULL)
        cublasLtMatrixLayoutDestroy(p->b);
    if (p->c != NULL)
        cublasLtMatrixLayoutDestroy(p->c);
}

void bit_blas_forget(struct bit_blas_cache *cache)
{
    for (int i = 0; i < cache->count; i++)
        free_product(&cache->products[i]);
    cache->count = 0;
}

static void destroy_cache(void *state)
{
    struct bit_blas_cache *cache = state;

    bit_blas_forget(cache);
    free(cache->products);
    free(cache->table);
    free(cache);
}

int bit_blas_cache_of(struct bit_gpu *gpu, struct bit_blas_cache **out)
{
    struct bit_gpu_cache *slot = &gpu->cache[BIT_GPU_CACHE_MATMUL];

    if (slot->state == NULL) {
        slot->state = calloc(1, sizeof(struct bit_blas_cache));
        if (slot->state == NULL)
            return bit_fail(-ENOMEM, "algorithms of matrix products");
        slot->destroy = destroy_cache;
    }
    *out = slot->state;
    return 0;
}

/* ---- preparing a product */

static cudaDataType_t type_of(enum bit_dtype dtype)
{
    return dtype == BIT_F32 ? CUDA_R_32F : CUDA_R_16BF;
}

static int32_t alignment_of(const void *p)
{
    const uintptr_t address = (uintptr_t)p | ALIGNMENT_MAX;

    return (int32_t)(address & -address);
}

static void make_key(struct bit_product_key *key, const struct bit_blas_args *args)
{
    memset(key, 0, sizeof *key);
    key->m = args->m;
    key->n = args->n;
    key->k = args->k;
    key->a_row = args->a_row;
    key->b_row = args->b_row;
    key->c_row = args->c_row;
    key->form = args->form;
    key->ab_dtype = args->ab_dtype;
    key->c_dtype = args->c_dtype;
    key->adds = args->addend != NULL;
    key->device_factors = args->alpha != NULL;
    key->a_alignment = alignment_of(args->a);
    key->b_alignment = alignment_of(args->b);
    key->addend_alignment = alignment_of(args->addend != NULL ? (const void *)args->addend : args->c);
    key->c_alignment = alignment_of(args->c);
    key->in_place = args->addend == args->c;
}

static int describe_operation(struct bit_blas_product *p, const struct bit_blas_args *args)
{
    const cublasOperation_t first = args->form == BIT_MATMUL_NT ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasOperation_t second = args->form == BIT_MATMUL_TN ? CUBLAS_OP_T : CUBLAS_OP_N;
    const int32_t pointers = CUBLASLT_POINTER_MODE_DEVICE;
    int err = bit_gpu_blas_try(cublasLtMatmulDescCreate(&p->operation, CUBLAS_COMPUTE_32F, CUDA_R_32F));

    if (err >= 0)
        err = bit_gpu_blas_try(
            cublasLtMatmulDescSetAttribute(p->operation, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first));
    if (err >= 0)
        err = bit_gpu_blas_try(
            cublasLtMatmulDescSetAttribute(p->operation, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second));
    if (err >= 0 && args->alpha != NULL)
        err = bit_gpu_blas_try(cublasLtMatmulDescSetAttribute(p->operation, CUBLASLT_MATMUL_DESC_POINTER_MODE,
                                                              &pointers, sizeof pointers));
    return err;
}

/* A row-major matrix of `rows` by `cols`, described in cuBLASLt's order. */
static int describe_matrix(cublasLtMatrixLayout_t *out, enum bit_dtype dtype, int64_t rows, int64_t cols, int64_t row)
{
    return bit_gpu_blas_try(
        cublasLtMatrixLayoutCreate(out, type_of(dtype), (uint64_t)cols, (uint64_t)rows, BIT_MAX(row, 1)));
}

static int describe(struct bit_blas_product *p, const struct bit_blas_args *args)
{
    const int64_t m = args->m, n = args->n, k = args->k;
    const bool a_turned = args->form == BIT_MATMUL_TN, b_turned = args->form == BIT_MATMUL_NT;
    int err = describe_operation(p, args);

    if (err >= 0)
        err = describe_matrix(&p->b, args->ab_dtype, b_turned ? n : k, b_turned ? k : n, args->b_row);
    if (err >= 0)
        err = describe_matrix(&p->a, args->ab_dtype, a_turned ? k : m, a_turned ? m : k, args->a_row);
    if (err >= 0)
        err = describe_matrix(&p->c, args->c_dtype, m, n, args->c_row);
    return err;
}

static int set_preference(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute,
                          uint64_t value, size_t bytes)
{
    const uint32_t narrow = (uint32_t)value;
    const void *at = bytes == sizeof narrow ? (const void *)&narrow : (const void *)&value;

    return bit_gpu_blas_try(cublasLtMatmulPreferenceSetAttribute(preference, attribute, at, bytes));
}

/* Partial sums are only allowed in f32: in the output's type they would lose bits. */
static int prefer(cublasLtMatmulPreference_t preference, const struct bit_product_key *key)
{
    int err;

    if ((err = set_preference(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, BIT_BLAS_WORKSPACE, 8)) < 0 ||
        (err = set_preference(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                              CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, 4)) < 0 ||
        (err = set_preference(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, (uint64_t)key->b_alignment, 4)) <
            0 ||
        (err = set_preference(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, (uint64_t)key->a_alignment, 4)) <
            0 ||
        (err = set_preference(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, (uint64_t)key->addend_alignment,
                              4)) < 0)
        return err;
    return set_preference(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, (uint64_t)key->c_alignment, 4);
}

/* The heuristic's proposals, best guess first. */
static int propose(struct bit_gpu *gpu, struct bit_blas_product *p, int wanted,
                   cublasLtMatmulHeuristicResult_t found[BIT_BLAS_CANDIDATES_MAX], int *count)
{
    cublasLtMatmulPreference_t preference;
    int err = bit_gpu_blas_try(cublasLtMatmulPreferenceCreate(&preference));

    *count = 0;
    if (err < 0)
        return err;
    err = prefer(preference, &p->key);
    if (err >= 0)
        err = bit_gpu_blas_try(cublasLtMatmulAlgoGetHeuristic(gpu->blas, p->operation, p->b, p->a, p->c, p->c,
                                                              preference, wanted, found, count));
    cublasLtMatmulPreferenceDestroy(preference);
    if (err >= 0 && *count == 0)
        err = bit_fail(BIT_ECUDA, "cuBLASLt has no algorithm");
    return err;
}

/* The algorithm from the table; otherwise the fastest, if a search is on; otherwise the heuristic's first. */
static int choose(const struct bit_exec *exec, struct bit_blas_cache *cache, struct bit_blas_product *p,
                  const struct bit_blas_args *args)
{
    cublasLtMatmulHeuristicResult_t found[BIT_BLAS_CANDIDATES_MAX];
    int count, err;

    if (bit_blas_look_up(exec->gpu, cache, p))
        return 0;
    err = propose(exec->gpu, p, cache->searching ? BIT_BLAS_CANDIDATES_MAX : 1, found, &count);
    if (err >= 0) {
        p->algorithm = found[0].algo;
        err = cache->searching ? bit_blas_search(exec, cache, p, args, found, count) : 0;
    }
    if (err < 0)
        return bit_fail_within(err, "matrix product of %lld x %lld x %lld", (long long)p->key.m, (long long)p->key.n,
                               (long long)p->key.k);
    return 0;
}

static int make(const struct bit_exec *exec, struct bit_blas_cache *cache, const struct bit_product_key *key,
                const struct bit_blas_args *args)
{
    struct bit_blas_product made = {.key = *key};
    int err;

    if (cache->count == cache->room) {
        const int room = BIT_MAX(2 * cache->room, 32);
        struct bit_blas_product *grown = realloc(cache->products, (size_t)room * sizeof *grown);
        if (grown == NULL)
            return bit_fail(-ENOMEM, "algorithms of %d matrix products", room);
        cache->products = grown;
        cache->room = room;
    }
    err = describe(&made, args);
    if (err >= 0)
        err = choose(exec, cache, &made, args);
    if (err < 0) {
        free_product(&made);
        return err;
    }
    cache->products[cache->count++] = made;
    return 0;
}

static int find(const struct bit_exec *exec, const struct bit_blas_args *args, const struct bit_blas_product **out)
{
    struct bit_blas_cache *cache = NULL;
    struct bit_product_key key;
    int err = bit_blas_cache_of(exec->gpu, &cache);

    if (err < 0)
        return err;
    make_key(&key, args);
    for (int i = 0; i < cache->count; i++)
        if (memcmp(&cache->products[i].key, &key, sizeof key) == 0) {
            *out = &cache->products[i];
            return 0;
        }
    err = make(exec, cache, &key, args);
    if (err < 0)
        return err;
    *out = &cache->products[cache->count - 1];
    return 0;
}

/* ---- running a product */

/* With k = 0 the result is the addend, or 0. Rows are dense wherever k can be 0. */
static int sum_of_nothing(const struct bit_exec *exec, const struct bit_blas_args *args)
{
    const size_t bytes = (size_t)(args->m * args->n) * bit_dtype_bytes(args->c_dtype);

    BIT_ASSERT(args->c_row == args->n && args->beta == NULL);
    if (bytes == 0 || args->addend == args->c)
        return 0;
    return args->addend == NULL ? bit_gpu_zero(exec->gpu, args->c, bytes)
                                : bit_gpu_copy(exec->gpu, args->c, args->addend, bytes);
}

int bit_blas_run(const struct bit_exec *exec, const struct bit_blas_product *p, const cublasLtMatmulAlgo_t *algorithm,
                 const struct bit_blas_args *args)
{
    static const float one = 1, zero = 0;
    const void *alpha = args->alpha != NULL ? args->alpha : &one;
    const void *beta = args->beta != NULL ? (const void *)args->beta : args->addend != NULL ? &one : &zero;

    return bit_gpu_blas_try(cublasLtMatmul(exec->gpu->blas, p->operation, alpha, args->b, p->b, args->a, p->a, beta,
                                           args->addend != NULL ? (const void *)args->addend : args->c, p->c, args->c,
                                           p->c, algorithm, exec->workspace, BIT_BLAS_WORKSPACE, exec->gpu->stream));
}

int bit_blas_cuda(const struct bit_exec *exec, const struct bit_blas_args *args)
{
    const struct bit_blas_product *p = NULL;
    int err;

    BIT_ASSERT(exec->workspace_bytes >= BIT_BLAS_WORKSPACE && (args->alpha == NULL) == (args->beta == NULL));
    if (args->m == 0 || args->n == 0)
        return 0;
    if (args->k == 0)
        return sum_of_nothing(exec, args);
    err = find(exec, args, &p);
    return err < 0 ? err : bit_blas_run(exec, p, &p->algorithm, args);
}
