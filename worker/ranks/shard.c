#include "worker/ranks/shard.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/clip.h"
#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"

_Static_assert(BIT_LAYOUT_BLOCK == BIT_SUM_BLOCK, "a block is what a partial sum of the norm covers");
_Static_assert(BIT_LAYOUT_BLOCK * sizeof(float) == BIT_CHECKPOINT_CHUNK, "and a checkpoint's chunk");

/* ---- this rank's part */

static void fill_runs(struct bit_shard *shard, int rank)
{
    const struct bit_layout *layout = shard->layout;

    shard->run_count = bit_layout_runs(layout, rank, shard->theirs);
    for (int i = 0; i < shard->run_count; i++) {
        const struct bit_block_run *run = &shard->theirs[i];
        const int64_t begin = run->first * BIT_LAYOUT_BLOCK,
                      end = BIT_MIN(begin + run->blocks * BIT_LAYOUT_BLOCK, layout->elements);
        shard->runs[i] = (struct bit_shard_run){begin, end - begin, shard->count, run->first, run->blocks};
        shard->count += end - begin;
    }
}

int bit_shard_init(struct bit_shard *shard, const struct bit_worker_plan *plan)
{
    const struct bit_layout *layout = &plan->layout;
    const size_t runs = (size_t)bit_layout_runs_max(layout),
                 told = (size_t)(bit_layout_blocks_max(layout) * (layout->size + 1));

    *shard = (struct bit_shard){
        .layout = layout,
        .blocks = layout->blocks,
        .linear_begin = plan->linears[0].offset,
        .linear_end = plan->linears[0].offset + plan->linear_elements,
    };
    shard->runs = calloc(runs, sizeof *shard->runs);
    shard->theirs = calloc(runs, sizeof *shard->theirs);
    shard->told = calloc(told, BIT_SHARD_TOLD_BYTES);
    shard->crc = calloc((size_t)shard->blocks, sizeof *shard->crc);
    if (shard->runs == NULL || shard->theirs == NULL || shard->told == NULL || shard->crc == NULL) {
        bit_shard_finish(shard);
        return bit_fail(-ENOMEM, "the tables of %d ranks' shards", plan->size);
    }
    fill_runs(shard, plan->shard_rank);
    BIT_ASSERT(shard->count == plan->own_elements);
    return 0;
}

void bit_shard_finish(struct bit_shard *shard)
{
    free(shard->runs);
    free(shard->theirs);
    free(shard->told);
    free(shard->crc);
    *shard = (struct bit_shard){0};
}

bool bit_shard_next(const struct bit_shard *shard, int64_t begin, int64_t end, struct bit_shard_part *part)
{
    while (part->next < shard->run_count) {
        const struct bit_shard_run *run = &shard->runs[part->next++];
        const int64_t first = BIT_MAX(run->begin, begin), last = BIT_MIN(run->begin + run->count, end);
        if (first >= last)
            continue;
        part->begin = first;
        part->count = last - first;
        part->at = run->at + (first - run->begin);
        return true;
    }
    return false;
}

/* ---- tables of blocks */

/* Copies entries between the table and a rank's message, in which they follow each other. */
static void copy_entries(uint8_t *table, uint8_t *told, size_t bytes, const struct bit_block_run *runs, int count,
                         bool into_table)
{
    for (int i = 0; i < count; i++) {
        uint8_t *entries = table + (size_t)runs[i].first * bytes;
        const size_t all = (size_t)runs[i].blocks * bytes;
        memcpy(into_table ? entries : told, into_table ? told : entries, all);
        told += all;
    }
}

void bit_shard_gather(struct bit_shard *shard, struct bit_comm *comm, void *table, size_t bytes)
{
    const struct bit_layout *layout = shard->layout;
    const size_t each = (size_t)bit_layout_blocks_max(layout) * bytes;
    uint8_t *mine = shard->told + (size_t)layout->size * each;

    BIT_ASSERT(bytes <= BIT_SHARD_TOLD_BYTES);
    if (layout->size == 1)
        return;
    struct bit_comm *group = bit_comm_group(comm);
    int count = bit_layout_runs(layout, group->rank, shard->theirs);
    copy_entries(table, mine, bytes, shard->theirs, count, false);
    bit_comm_gather(group, mine, each, shard->told);
    for (int r = 0; r < layout->size; r++) {
        count = bit_layout_runs(layout, r, shard->theirs);
        copy_entries(table, shard->told + (size_t)r * each, bytes, shard->theirs, count, true);
    }
}

/* ---- checksums */

void bit_shard_checksum_blocks(const void *values, enum bit_dtype dtype, int64_t count, uint32_t *crc, int threads)
{
    const size_t each = bit_dtype_bytes(dtype);

#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t at = 0; at < count; at += BIT_LAYOUT_BLOCK)
        crc[at / BIT_LAYOUT_BLOCK] = bit_crc32c(0, (const uint8_t *)values + (size_t)at * each,
                                                (size_t)BIT_MIN(BIT_LAYOUT_BLOCK, count - at) * each);
}

static int checksum_run(struct bit_shard *shard, const struct bit_shard_run *run, struct bit_host_view *view,
                        const struct bit_shard_vector *vector, int threads)
{
    int err = 0;

    for (int64_t at = 0; at < run->count && err >= 0; at += BIT_HOST_VIEW_ELEMENTS) {
        const int64_t count = BIT_MIN(BIT_HOST_VIEW_ELEMENTS, run->count - at);
        const void *seen;
        err = bit_host_view_read(view, bit_shard_from(vector, run->at + at),
                                 (size_t)count * bit_dtype_bytes(vector->dtype), &seen);
        if (err >= 0)
            bit_shard_checksum_blocks(seen, vector->dtype, count, shard->crc + run->first_block + at / BIT_LAYOUT_BLOCK,
                                      threads);
    }
    return err;
}

const uint32_t *bit_shard_checksums(struct bit_shard *shard, struct bit_comm *comm, struct bit_host_view *view,
                                    const struct bit_shard_vector *vector, int threads)
{
    int err = 0;

    for (int i = 0; i < shard->run_count && err >= 0; i++)
        err = checksum_run(shard, &shard->runs[i], view, vector, threads);
    if (err < 0)
        bit_comm_abort(comm, err);
    bit_shard_gather(shard, comm, shard->crc, sizeof *shard->crc);
    return shard->crc;
}
