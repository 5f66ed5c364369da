#include "worker/ranks/shard.h"

#include <stdlib.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"

_Static_assert(BIT_SUM_BLOCK * sizeof(float) == BIT_CHECKPOINT_CHUNK, "a block is a checkpoint's chunk");

static int64_t block_of(int64_t element)
{
    return (element + BIT_SUM_BLOCK - 1) / BIT_SUM_BLOCK;
}

static void fill_starts(struct bit_shard *shard, const struct bit_worker_plan *plan)
{
    int64_t end;

    for (int r = 0; r < plan->size; r++) {
        bit_plan_shard(plan, r, &shard->starts[r], &end);
        BIT_ASSERT(shard->starts[r] % BIT_SUM_BLOCK == 0 || shard->starts[r] == plan->elements);
        shard->block_starts[r] = block_of(shard->starts[r]);
    }
    shard->starts[plan->size] = plan->elements;
    shard->block_starts[plan->size] = shard->blocks;
}

int bit_shard_init(struct bit_shard *shard, const struct bit_worker_plan *plan)
{
    const size_t entries = (size_t)plan->size + 1;
    const struct bit_linear *last = &plan->linears[plan->linear_count - 1];

    *shard = (struct bit_shard){.size = plan->size, .blocks = block_of(plan->elements)};
    shard->starts = calloc(entries, sizeof *shard->starts);
    shard->block_starts = calloc(entries, sizeof *shard->block_starts);
    shard->clipped = calloc(entries, sizeof *shard->clipped);
    shard->crc = calloc((size_t)shard->blocks, sizeof *shard->crc);
    if (shard->starts == NULL || shard->block_starts == NULL || shard->clipped == NULL || shard->crc == NULL) {
        bit_shard_finish(shard);
        return bit_fail(-ENOMEM, "the table of %d shards", plan->size);
    }
    fill_starts(shard, plan);
    shard->begin = shard->starts[plan->rank];
    shard->count = shard->starts[plan->rank + 1] - shard->begin;
    shard->first_block = shard->block_starts[plan->rank];
    shard->block_count = shard->block_starts[plan->rank + 1] - shard->first_block;
    shard->linear_begin = plan->linears[0].offset;
    shard->linear_end = last->offset + last->rows * last->cols;
    BIT_ASSERT(shard->linear_end - shard->linear_begin == plan->linear_elements);
    return 0;
}

void bit_shard_finish(struct bit_shard *shard)
{
    free(shard->starts);
    free(shard->block_starts);
    free(shard->clipped);
    free(shard->crc);
    *shard = (struct bit_shard){0};
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

const int64_t *bit_shard_clip(struct bit_shard *shard, int64_t begin, int64_t end)
{
    for (int r = 0; r <= shard->size; r++)
        shard->clipped[r] = clamp(shard->starts[r], begin, end);
    return shard->clipped;
}

int64_t bit_shard_part(const struct bit_shard *shard, int64_t begin, int64_t end, int64_t *count)
{
    int64_t first = clamp(shard->begin, begin, end);

    *count = clamp(shard->begin + shard->count, begin, end) - first;
    return first;
}

void bit_shard_checksum_blocks(const float *values, int64_t count, uint32_t *crc, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t at = 0; at < count; at += BIT_SUM_BLOCK)
        crc[at / BIT_SUM_BLOCK] = bit_crc32c(0, values + at,
                                             (size_t)BIT_MIN(BIT_SUM_BLOCK, count - at) * sizeof *values);
}

const uint32_t *bit_shard_checksums(struct bit_shard *shard, struct bit_comm *comm, struct bit_host_view *view,
                                    const float *values, int threads)
{
    uint32_t *crc = shard->crc + shard->first_block;

    for (int64_t at = 0; at < shard->count; at += BIT_HOST_VIEW_ELEMENTS) {
        const int64_t count = BIT_MIN(BIT_HOST_VIEW_ELEMENTS, shard->count - at);
        const float *seen;
        int err = bit_host_view_read(view, values + at, count, &seen);

        if (err < 0)
            bit_comm_abort(comm, err);
        bit_shard_checksum_blocks(seen, count, crc + at / BIT_SUM_BLOCK, threads);
    }
    bit_comm_gather_ranges(comm, shard->crc, sizeof *shard->crc, shard->block_starts);
    return shard->crc;
}
