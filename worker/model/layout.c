#include "worker/model/layout.h"

#include <stdlib.h>

#include "proto/check.h"
#include "proto/err.h"

/* The blocks that lie in [begin, end) whole. */
static struct bit_block_run whole_blocks(int64_t begin, int64_t end)
{
    const int64_t first = (begin + BIT_LAYOUT_BLOCK - 1) / BIT_LAYOUT_BLOCK;

    return (struct bit_block_run){first, BIT_MAX(end / BIT_LAYOUT_BLOCK - first, 0)};
}

static void add_gap(struct bit_layout *layout, int64_t first, int64_t end)
{
    if (first >= end)
        return;
    layout->gaps[layout->gap_count++] = (struct bit_block_run){first, end - first};
    layout->gap_blocks += end - first;
}

static void cut(struct bit_layout *layout, const int64_t *borders, int buckets)
{
    int64_t covered = 0;

    for (int i = 0; i < buckets; i++) {
        const struct bit_block_run whole = whole_blocks(borders[i], borders[i + 1]);
        const int64_t each = whole.blocks / layout->size;
        if (each == 0)
            continue;
        add_gap(layout, covered, whole.first);
        layout->spans[layout->span_count++] = (struct bit_layout_span){whole.first, each};
        covered = whole.first + each * layout->size;
    }
    add_gap(layout, covered, layout->blocks);
    layout->gap_each = (layout->gap_blocks + layout->size - 1) / layout->size;
}

int bit_layout_init(struct bit_layout *layout, const int64_t *borders, int buckets, int size)
{
    const int64_t elements = borders[buckets];

    BIT_ASSERT(size >= 1 && borders[0] == 0 && elements > 0);
    *layout = (struct bit_layout){
        .size = size, .elements = elements, .blocks = (elements + BIT_LAYOUT_BLOCK - 1) / BIT_LAYOUT_BLOCK};
    layout->spans = calloc((size_t)buckets, sizeof *layout->spans);
    layout->gaps = calloc((size_t)buckets + 1, sizeof *layout->gaps);
    if (layout->spans == NULL || layout->gaps == NULL) {
        bit_layout_finish(layout);
        return bit_fail(-ENOMEM, "a layout of %d buckets", buckets);
    }
    cut(layout, borders, buckets);
    return 0;
}

void bit_layout_finish(struct bit_layout *layout)
{
    free(layout->spans);
    free(layout->gaps);
    *layout = (struct bit_layout){0};
}

int bit_layout_runs_max(const struct bit_layout *layout)
{
    return layout->span_count + layout->gap_count;
}

/* Appends a run, joined to the previous one if they are adjacent. */
static int add_run(struct bit_block_run *runs, int count, int64_t first, int64_t blocks)
{
    if (blocks <= 0)
        return count;
    if (count > 0 && runs[count - 1].first + runs[count - 1].blocks == first) {
        runs[count - 1].blocks += blocks;
        return count;
    }
    runs[count] = (struct bit_block_run){first, blocks};
    return count + 1;
}

/* Adds the rank's part of a gap that begins at block `before` of the gaps' vector. */
static int add_gap_share(const struct bit_layout *layout, int rank, const struct bit_block_run *gap, int64_t before,
                         struct bit_block_run *runs, int count)
{
    const int64_t begin = BIT_MAX(rank * layout->gap_each, before),
                  end = BIT_MIN((rank + 1) * layout->gap_each, before + gap->blocks);

    return add_run(runs, count, gap->first + (begin - before), end - begin);
}

int bit_layout_runs(const struct bit_layout *layout, int rank, struct bit_block_run *runs)
{
    int64_t before = 0;
    int count = 0, g = 0;

    for (int s = 0; s <= layout->span_count; s++) {
        const int64_t next = s < layout->span_count ? layout->spans[s].first : layout->blocks;
        for (; g < layout->gap_count && layout->gaps[g].first < next; before += layout->gaps[g++].blocks)
            count = add_gap_share(layout, rank, &layout->gaps[g], before, runs, count);
        if (s < layout->span_count)
            count = add_run(runs, count, next + rank * layout->spans[s].each, layout->spans[s].each);
    }
    return count;
}

int64_t bit_layout_blocks_max(const struct bit_layout *layout)
{
    int64_t blocks = layout->gap_each;

    for (int s = 0; s < layout->span_count; s++)
        blocks += layout->spans[s].each;
    return blocks;
}
