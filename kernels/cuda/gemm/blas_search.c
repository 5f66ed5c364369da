/*
 * cuBLASLt's heuristic is a guess: on an H200 its first proposal was up to 11% slower than another of its own. The
 * candidates are timed on the product's own buffers, in turns, so that changes of the clock affect all of them.
 */
#include "kernels/cuda/gemm/blas_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/exec/backend.h"
#include "kernels/exec/product_search.h"
#include "proto/check.h"
#include "proto/err.h"

#define ROUNDS 4
#define US     1500 /* about so long a candidate runs in one round ... */
#define RUNS   64   /* ... with at most this many calls */
#define CLEAR  0.98 /* a candidate replaces the first only if it takes at most this fraction of its time */

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

/* Microseconds of one call, averaged over `runs`; INFINITY for a candidate that cannot run. */
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

/* The least time over the rounds, for each candidate; the first round is a warm-up. */
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

static int find_row(const struct bit_blas_cache *cache, const struct bit_product_key *key)
{
    for (int i = 0; i < cache->table_count; i++)
        if (memcmp(&cache->table[i].key, key, sizeof *key) == 0)
            return i;
    return -1;
}

/* Adds a row, or replaces the one with its key, whose algorithm the library no longer accepts. Returns its index. */
static int put_row(struct bit_blas_cache *cache, const struct bit_product_choice *row)
{
    int at = find_row(cache, &row->key);

    if (at < 0) {
        struct bit_product_choice *grown = realloc(cache->table, (size_t)(cache->table_count + 1) * sizeof *grown);
        if (grown == NULL)
            return bit_fail(-ENOMEM, "a table of %d products", cache->table_count + 1);
        cache->table = grown;
        at = cache->table_count++;
    }
    cache->table[at] = *row;
    return at;
}

static void note_met(struct bit_blas_cache *cache, int row)
{
    const struct bit_product_choice met = cache->table[row];

    if (row < cache->met_count)
        return;
    cache->table[row] = cache->table[cache->met_count];
    cache->table[cache->met_count++] = met;
}

int bit_blas_search(const struct bit_exec *exec, struct bit_blas_cache *cache, struct bit_blas_product *p,
                    const struct bit_blas_args *args, const cublasLtMatmulHeuristicResult_t *candidates, int count)
{
    double us[BIT_BLAS_CANDIDATES_MAX] = {0};
    struct bit_product_choice row;
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
    p->algorithm = candidates[best].algo;
    memcpy(row.algorithm, &p->algorithm, sizeof row.algorithm);
    row.first_us = (float)us[0];
    row.us = (float)us[best];
    const int at = put_row(cache, &row);
    if (at >= 0)
        note_met(cache, at);
    return at < 0 ? at : 0;
}

/* ---- the table */

_Static_assert(sizeof(cublasLtMatmulAlgo_t) == sizeof((struct bit_product_choice){0}.algorithm),
               "an algorithm is eight words");

bool bit_blas_look_up(struct bit_gpu *gpu, struct bit_blas_cache *cache, struct bit_blas_product *p)
{
    const int row = find_row(cache, &p->key);
    cublasLtMatmulHeuristicResult_t result;
    cublasLtMatmulAlgo_t algorithm;

    if (row < 0)
        return false;
    memcpy(&algorithm, cache->table[row].algorithm, sizeof algorithm);
    if (cublasLtMatmulAlgoCheck(gpu->blas, p->operation, p->b, p->a, p->c, p->c, &algorithm, &result) !=
            CUBLAS_STATUS_SUCCESS ||
        result.workspaceSize > BIT_BLAS_WORKSPACE)
        return false;
    p->algorithm = algorithm;
    note_met(cache, row);
    return true;
}

static int card_of(const struct bit_exec *exec, struct bit_product_card *out)
{
    int driver = 0, err = bit_gpu_try(cudaDriverGetVersion(&driver));

    memset(out, 0, sizeof *out);
    memcpy(out->name, exec->gpu->name, strnlen(exec->gpu->name, BIT_MIN(sizeof out->name - 1, sizeof exec->gpu->name)));
    out->driver = driver;
    out->library = (int64_t)cublasLtGetVersion();
    return err;
}

static int search(const struct bit_exec *exec, bool on)
{
    struct bit_blas_cache *cache;
    int err = bit_blas_cache_of(exec->gpu, &cache);

    if (err < 0)
        return err;
    cache->searching = on;
    if (on) /* products prepared earlier are searched, too */
        bit_blas_forget(cache);
    return 0;
}

static int rows_of(const struct bit_exec *exec, const struct bit_product_choice **out)
{
    struct bit_blas_cache *cache;
    int err = bit_blas_cache_of(exec->gpu, &cache);

    if (err < 0)
        return err;
    *out = cache->table;
    return cache->met_count;
}

static int take(const struct bit_exec *exec, const struct bit_product_choice *rows, int count)
{
    struct bit_blas_cache *cache;
    int err = bit_blas_cache_of(exec->gpu, &cache);

    if (err < 0)
        return err;
    bit_blas_forget(cache);
    cache->table_count = cache->met_count = 0;
    for (int i = 0; i < count && err >= 0; i++)
        err = put_row(cache, &rows[i]);
    return err < 0 ? err : 0;
}

const struct bit_product_search_ops bit_product_search_ops_cuda = {
    .card = card_of,
    .search = search,
    .rows = rows_of,
    .take = take,
};
