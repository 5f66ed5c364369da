/* How the flat vector is divided among ranks: every block has one rank, and no span crosses a bucket's border. */
#include "worker/model/layout.h"

#include <stdlib.h>

#include "proto/check.h"
#include "tests/test.h"

#define BLOCK BIT_LAYOUT_BLOCK

/* Checks that each block belongs to exactly one rank. */
static void check_cover(const struct bit_layout *layout)
{
    struct bit_block_run *runs = calloc((size_t)bit_layout_runs_max(layout) + 1, sizeof *runs);
    int *had = calloc((size_t)layout->blocks, sizeof *had);
    int64_t most = 0;

    for (int r = 0; r < layout->size; r++) {
        const int count = bit_layout_runs(layout, r, runs);
        int64_t end = -1, own = 0;
        EXPECT(count <= bit_layout_runs_max(layout));
        for (int i = 0; i < count; i++) {
            EXPECT(runs[i].blocks > 0 && runs[i].first > end); /* ascending, and joined where they touch */
            end = runs[i].first + runs[i].blocks;
            own += runs[i].blocks;
            for (int64_t b = runs[i].first; b < end; b++)
                had[b]++;
        }
        most = BIT_MAX(most, own);
    }
    for (int64_t b = 0; b < layout->blocks; b++)
        if (had[b] != 1)
            EXPECT_EQ(b, -1);
    EXPECT(most <= bit_layout_blocks_max(layout));
    free(runs);
    free(had);
}

static void check_spans(const struct bit_layout *layout, const int64_t *borders, int buckets)
{
    for (int s = 0; s < layout->span_count; s++) {
        const int64_t begin = layout->spans[s].first * BLOCK,
                      end = begin + layout->spans[s].each * layout->size * BLOCK;
        int inside = 0;
        for (int i = 0; i < buckets; i++)
            inside += begin >= borders[i] && end <= borders[i + 1];
        EXPECT_EQ(inside, 1);
    }
}

static void check(const int64_t *borders, int buckets, int size)
{
    struct bit_layout layout;

    if (!EXPECT_EQ(bit_layout_init(&layout, borders, buckets, size), 0))
        return;
    check_cover(&layout);
    check_spans(&layout, borders, buckets);
    bit_layout_finish(&layout);
}

TEST(every_block_has_one_rank)
{
    const int64_t cuts[][5] = {
        {0, 3 * BLOCK, 10 * BLOCK, 17 * BLOCK, 20 * BLOCK}, /* on the borders of blocks */
        {0, 18216, 18216 + 42336, 18216 + 2 * 42336, 18216 + 2 * 42336 + 18216},
        {0, 1, 2, 3, 4},
        {0, 5 * BLOCK - 1, 5 * BLOCK + 1, 40 * BLOCK, 41 * BLOCK + 7},
        {0, BLOCK, BLOCK, 9 * BLOCK, 100 * BLOCK}, /* one bucket is empty */
    };

    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++)
        for (int size = 1; size <= 23; size++)
            check(cuts[c], 4, size);
}

TEST(one_rank_has_one_run)
{
    const int64_t borders[] = {0, 18216, 50 * BLOCK + 9, 77 * BLOCK + 1};
    struct bit_layout layout;
    struct bit_block_run runs[8];

    if (!EXPECT_EQ(bit_layout_init(&layout, borders, 3, 1), 0))
        return;
    EXPECT_EQ(bit_layout_runs(&layout, 0, runs), 1);
    EXPECT_EQ(runs[0].first, 0);
    EXPECT_EQ(runs[0].blocks, 78);
    bit_layout_finish(&layout);
}

/* OLMo-1B: 6288 blocks of embedding, 16 layers of 4096: powers of two leave gaps only in the embedding. */
TEST(a_model_of_a_billion_is_cut_without_loss)
{
    int64_t borders[18] = {0};
    struct bit_layout layout;

    for (int i = 0; i <= 16; i++)
        borders[i + 1] = (6288 + 4096 * (int64_t)i) * BLOCK;
    for (int size = 2; size <= 4096; size *= 2) {
        if (!EXPECT_EQ(bit_layout_init(&layout, borders, 17, size), 0))
            return;
        EXPECT_EQ(layout.span_count, 17);
        EXPECT_EQ(layout.gap_blocks, 6288 % size);
        EXPECT_EQ(bit_layout_blocks_max(&layout), 6288 / size + 16 * 4096 / size + (6288 % size > 0));
        bit_layout_finish(&layout);
    }
}

TEST_MAIN
