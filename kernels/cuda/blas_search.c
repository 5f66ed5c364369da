/*
 * cuBLASLt's heuristic is a guess: on an H200 its first proposal was up to 11% slower than another of its own. The
 * candidates are timed where the product runs, in turns, so that the clock's drift meets all of them.
 */
#include "kernels/cuda/blas_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/exec/backend.h"
#include "kernels/exec/product_search.h"
#include "proto/check.h"
#include "proto/err.h"

#define ROUNDS 4
#define US     1500 /* of a candidate in one round, about ... */
#define RUNS   64   /* ... and at most so many calls */
#define CLEAR  0.98 /* another than the first must take no more than this part of its time */

/* ---- timing */

struct timer {
    cudaEvent_t begin, end;
};

static int open_timer(struct timer *t)
{
    int err = bit_gpu_try(cudaEventCreate(&t->begin));

    return err < 0 ? err : bit_gpu_try(cudaEventCreate(&t->end));
}

static void close_timer(struct timer *t)
{
    if (t->begin != NULL)
        cudaEventDestroy(t->begin);
    if (t->end != NULL)
        cudaEventDestroy(t->end);
}

/* Microseconds of one of `runs` calls; INFINITY for a candidate that cannot be run. */
static int time_calls(const struct bit_exec *exec, const struct timer *t, const struct bit_blas_product *p,
                      const cublasLtMatmulAlgo_t *algorithm, const struct bit_blas_args *args, int runs, double *us)
{
    float ms = 0;
    int err = bit_gpu_try(cudaEventRecord(t->begin, exec->gpu->stream));

    for (int i = 0; i < runs && err >= 0; i++)
        if (bit_blas_run(exec, p, algorithm, args) < 0) {
            *us = INFINITY;
            return bit_gpu_wait(exec->gpu);
        }
    if (err >= 0)
        err = bit_gpu_try(cudaEventRecord(t->end, exec->gpu->stream));
    if (err >= 0)
        err = bit_gpu_try(cudaEventSynchronize(t->end));
    if (err >= 0)
        err = bit_gpu_try(cudaEventElapsedTime(&ms, t->begin, t->end));
    *us = 1e3 * ms / runs;
    return err;
}

/* The least of the rounds, for each candidate; the first round warms up. */
static int time_candidates(const struct bit_exec *exec, const struct timer *t, const struct bit_blas_product *p,
                           const struct bit_blas_args *args, const cublasLtMatmulHeuristicResult_t *candidates,
                           int count, double *least)
{
    int runs = 1, err = 0;

    for (int round = 0; round < ROUNDS && err >= 0; round++) {
        for (int i = 0; i < count && err >= 0; i++) {
            double us = INFINITY;
            if (round > 1 && least[i] > 1.25 * least[0])
                continue;
            err = time_calls(exec, t, p, &candidates[i].algo, args, runs, &us);
            least[i] = round <= 1 ? us : fmin(least[i], us);
        }
        if (round == 0 && least[0] > 0 && isfinite(least[0]))
            runs = (int)BIT_MAX(BIT_MIN(US / least[0], RUNS), 2);
    }
    return err;
}

static int add_row(struct bit_blas_cache *cache, const struct bit_blas_choice *row)
{
    struct bit_blas_choice *grown = realloc(cache->table, (size_t)(cache->table_count + 1) * sizeof *grown);

    if (grown == NULL)
        return bit_fail(-ENOMEM, "a table of %d products", cache->table_count + 1);
    cache->table = grown;
    grown[cache->table_count++] = *row;
    return 0;
}

int bit_blas_search(const struct bit_exec *exec, struct bit_blas_cache *cache, struct bit_blas_product *p,
                    const struct bit_blas_args *args, const cublasLtMatmulHeuristicResult_t *candidates, int count)
{
    double us[BIT_BLAS_CANDIDATES_MAX] = {0};
    struct bit_blas_choice row;
    struct timer timer = {0};
    int best = 0, err = open_timer(&timer);

    if (err >= 0)
        err = time_candidates(exec, &timer, p, args, candidates, count, us);
    close_timer(&timer);
    if (err < 0)
        return err;
    for (int i = 1; i < count; i++)
        if (us[i] < us[best])
            best = i;
    if (us[best] > CLEAR * us[0])
        best = 0;
    memset(&row, 0, sizeof row);
    row.key = p->key;
    row.algorithm = p->algorithm = candidates[best].algo;
    row.first_us = (float)us[0];
    row.us = (float)us[best];
    return add_row(cache, &row);
}

/* ---- the table */

bool bit_blas_look_up(struct bit_gpu *gpu, const struct bit_blas_cache *cache, struct bit_blas_product *p)
{
    for (int i = 0; i < cache->table_count; i++) {
        const struct bit_blas_choice *row = &cache->table[i];
        cublasLtMatmulHeuristicResult_t result;

        if (memcmp(&row->key, &p->key, sizeof p->key) != 0)
            continue;
        if (cublasLtMatmulAlgoCheck(gpu->blas, p->operation, p->b, p->a, p->c, p->c, &row->algorithm, &result) !=
                CUBLAS_STATUS_SUCCESS ||
            result.workspaceSize > BIT_BLAS_WORKSPACE)
            return false;
        p->algorithm = row->algorithm;
        return true;
    }
    return false;
}

/* What the rows hold for, in front of them. An algorithm means something to the library that it came from alone. */
struct heading {
    char magic[8], card[64];
    int64_t driver, library;
    int64_t rows;
};
#define MAGIC "bitprod1"

static int head(const struct bit_gpu *gpu, int rows, struct heading *out)
{
    int driver = 0, err = bit_gpu_try(cudaDriverGetVersion(&driver));

    memset(out, 0, sizeof *out);
    memcpy(out->magic, MAGIC, sizeof out->magic);
    memcpy(out->card, gpu->name, BIT_MIN(sizeof out->card, sizeof gpu->name));
    out->driver = driver;
    out->library = (int64_t)cublasLtGetVersion();
    out->rows = rows;
    return err;
}

static int search(const struct bit_exec *exec, bool on)
{
    struct bit_blas_cache *cache;
    int err = bit_blas_cache_of(exec->gpu, &cache);

    if (err < 0)
        return err;
    cache->searching = on;
    if (on) /* those that were made ready before are met anew */
        bit_blas_forget(cache);
    return 0;
}

static int export_table(const struct bit_exec *exec, void **out, size_t *bytes)
{
    struct bit_blas_cache *cache;
    struct heading heading;
    int err = bit_blas_cache_of(exec->gpu, &cache);

    if (err >= 0)
        err = head(exec->gpu, cache->table_count, &heading);
    if (err < 0)
        return err;
    const size_t rows = (size_t)cache->table_count * sizeof *cache->table;
    uint8_t *copy = malloc(sizeof heading + rows);
    if (copy == NULL)
        return bit_fail(-ENOMEM, "a table of %d products", cache->table_count);
    memcpy(copy, &heading, sizeof heading);
    if (rows > 0)
        memcpy(copy + sizeof heading, cache->table, rows);
    *out = copy;
    *bytes = sizeof heading + rows;
    return 0;
}

static int import_table(const struct bit_exec *exec, const void *table, size_t bytes)
{
    struct bit_blas_cache *cache;
    struct heading heading, own;
    int err = bit_blas_cache_of(exec->gpu, &cache);

    if (err < 0)
        return err;
    if (bytes < sizeof heading || (bytes - sizeof heading) % sizeof(struct bit_blas_choice) != 0)
        return bit_fail(BIT_ECORRUPT, "a table of products of %zu bytes", bytes);
    memcpy(&heading, table, sizeof heading);
    err = head(exec->gpu, (int)((bytes - sizeof heading) / sizeof(struct bit_blas_choice)), &own);
    if (err < 0)
        return err;
    if (memcmp(&heading, &own, sizeof own) != 0)
        return 0; /* another card's, driver's, or library's */
    bit_blas_forget(cache);
    cache->table_count = 0;
    for (int64_t i = 0; i < own.rows && err >= 0; i++) {
        struct bit_blas_choice row;
        memcpy(&row, (const uint8_t *)table + sizeof heading + (size_t)i * sizeof row, sizeof row);
        err = add_row(cache, &row);
    }
    return err < 0 ? err : (int)own.rows;
}

static void count_rows(const struct bit_exec *exec, struct bit_product_count *out)
{
    struct bit_blas_cache *cache;

    *out = (struct bit_product_count){0};
    if (bit_blas_cache_of(exec->gpu, &cache) < 0)
        return;
    out->products = cache->table_count;
    for (int i = 0; i < cache->table_count; i++)
        out->not_first += cache->table[i].us < cache->table[i].first_us;
}

const struct bit_product_search_ops bit_product_search_ops_cuda = {
    .search = search,
    .export_table = export_table,
    .import_table = import_table,
    .count = count_rows,
};
