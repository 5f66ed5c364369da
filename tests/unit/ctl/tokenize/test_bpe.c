#include "ctl/tokenize/bpe.h"

#include "proto/err.h"
#include "tests/test.h"

static uint8_t bytes_of[256];

/* Each byte is a token with its value as id. The tests add merges. */
static void start(struct bit_bpe *bpe, size_t merges)
{
    EXPECT_EQ(bit_bpe_init(bpe, 256 + (uint32_t)merges, merges), 0);
    for (int b = 0; b < 256; b++) {
        bytes_of[b] = (uint8_t)b;
        bit_bpe_add_token(bpe, (uint32_t)b, &bytes_of[b], 1, true);
    }
}

static void expect_ids(const struct bit_bpe *bpe, struct bit_bpe_scratch *scratch, const char *piece, size_t count,
                       const uint32_t *want)
{
    struct bit_ids ids = {0};

    for (int time = 0; time < 2; time++) { /* the second time from the cache */
        ids.count = 0;
        EXPECT_EQ(bit_bpe_encode(bpe, scratch, (const uint8_t *)piece, strlen(piece), &ids), 0);
        if (EXPECT_EQ(ids.count, count))
            EXPECT_MEMEQ(ids.id, want, count * sizeof *want);
    }
    bit_ids_finish(&ids);
}

TEST(lowest_rank_first_then_leftmost)
{
    struct bit_bpe bpe;
    struct bit_bpe_scratch *scratch;

    start(&bpe, 3);
    bit_bpe_add_merge(&bpe, 'b', 'c', 0, 256);
    bit_bpe_add_merge(&bpe, 'a', 'b', 1, 257);
    bit_bpe_add_merge(&bpe, 'a', 256, 2, 258);
    EXPECT_EQ(bit_bpe_scratch_create(&scratch), 0);
    expect_ids(&bpe, scratch, "abc", 1, (uint32_t[]){258});
    expect_ids(&bpe, scratch, "abab", 2, (uint32_t[]){257, 257});
    expect_ids(&bpe, scratch, "ababc", 2, (uint32_t[]){257, 258});
    expect_ids(&bpe, scratch, "x", 1, (uint32_t[]){'x'});
    expect_ids(&bpe, scratch, "", 0, NULL);
    bit_bpe_scratch_destroy(scratch);
    bit_bpe_finish(&bpe);
}

TEST(overlapping_pairs_join_from_the_left)
{
    struct bit_bpe bpe;
    struct bit_bpe_scratch *scratch;

    start(&bpe, 1);
    bit_bpe_add_merge(&bpe, 'a', 'a', 0, 256);
    EXPECT_EQ(bit_bpe_scratch_create(&scratch), 0);
    expect_ids(&bpe, scratch, "aaaaa", 3, (uint32_t[]){256, 256, 'a'});
    bit_bpe_scratch_destroy(scratch);
    bit_bpe_finish(&bpe);
}

TEST(of_two_merges_of_a_pair_the_later_counts)
{
    struct bit_bpe bpe;
    struct bit_bpe_scratch *scratch;

    start(&bpe, 2);
    bit_bpe_add_merge(&bpe, 'a', 'b', 0, 256);
    bit_bpe_add_merge(&bpe, 'a', 'b', 1, 257);
    EXPECT_EQ(bpe.merge_count, 1);
    EXPECT_EQ(bit_bpe_scratch_create(&scratch), 0);
    expect_ids(&bpe, scratch, "ab", 1, (uint32_t[]){257});
    bit_bpe_scratch_destroy(scratch);
    bit_bpe_finish(&bpe);
}

TEST(whole_pieces_first)
{
    struct bit_bpe bpe;
    struct bit_bpe_scratch *scratch;

    start(&bpe, 2);
    bit_bpe_add_token(&bpe, 256, (const uint8_t *)"abc", 3, true);
    bit_bpe_add_token(&bpe, 257, (const uint8_t *)"xyz", 3, false); /* only an added token */
    EXPECT_EQ(bit_bpe_scratch_create(&scratch), 0);
    expect_ids(&bpe, scratch, "abc", 3, (uint32_t[]){'a', 'b', 'c'});
    bit_bpe_scratch_destroy(scratch);
    bpe.whole_first = true;
    EXPECT_EQ(bit_bpe_scratch_create(&scratch), 0);
    expect_ids(&bpe, scratch, "abc", 1, (uint32_t[]){256});
    expect_ids(&bpe, scratch, "xyz", 3, (uint32_t[]){'x', 'y', 'z'});
    bit_bpe_scratch_destroy(scratch);
    bit_bpe_finish(&bpe);
}

/* The definition: scan for the best pair and merge it, until there is none. */
static size_t naive(const uint32_t (*merges)[2], size_t merge_count, const uint8_t *piece, size_t bytes, uint32_t *ids)
{
    size_t count = bytes;

    for (size_t i = 0; i < bytes; i++)
        ids[i] = piece[i];
    for (;;) {
        size_t best = SIZE_MAX, rank = merge_count;
        for (size_t i = 0; i + 1 < count; i++) {
            for (size_t r = 0; r < rank; r++) {
                if (merges[r][0] == ids[i] && merges[r][1] == ids[i + 1]) {
                    rank = r;
                    best = i;
                }
            }
        }
        if (best == SIZE_MAX)
            return count;
        ids[best] = 256 + (uint32_t)rank;
        count--;
        memmove(ids + best + 1, ids + best + 2, (count - best - 1) * sizeof *ids);
    }
}

/* Random merges over three letters, pieces of 1 to 400 bytes: covers both merge algorithms and the cache. */
TEST(equals_the_definition)
{
    enum { MERGES = 60, PIECE = 400 };
    uint32_t merges[MERGES][2], want[PIECE];
    struct bit_bpe bpe;
    struct bit_bpe_scratch *scratch;
    struct bit_ids ids = {0};
    uint8_t piece[PIECE];

    srand(7);
    start(&bpe, MERGES);
    for (uint32_t r = 0; r < MERGES; r++) {
        bool fresh;
        do {
            fresh = true;
            for (int side = 0; side < 2; side++) {
                uint32_t pick = (uint32_t)rand() % (3 + r);
                merges[r][side] = pick < 3 ? 'a' + pick : 256 + pick - 3;
            }
            for (uint32_t q = 0; q < r; q++)
                fresh = fresh && (merges[q][0] != merges[r][0] || merges[q][1] != merges[r][1]);
        } while (!fresh);
        bit_bpe_add_merge(&bpe, merges[r][0], merges[r][1], r, 256 + r);
    }
    EXPECT_EQ(bit_bpe_scratch_create(&scratch), 0);
    for (int time = 0; time < 4000; time++) {
        size_t bytes = 1 + (size_t)rand() % (time % 20 == 0 ? PIECE : 60);
        for (size_t i = 0; i < bytes; i++)
            piece[i] = (uint8_t)("abc"[rand() % 3]);
        size_t count = naive((const uint32_t(*)[2])merges, MERGES, piece, bytes, want);
        ids.count = 0;
        EXPECT_EQ(bit_bpe_encode(&bpe, scratch, piece, bytes, &ids), 0);
        if (!EXPECT_EQ(ids.count, count) || !EXPECT_MEMEQ(ids.id, want, count * sizeof *want))
            break;
    }
    bit_ids_finish(&ids);
    bit_bpe_scratch_destroy(scratch);
    bit_bpe_finish(&bpe);
}

TEST(too_many_tokens)
{
    struct bit_bpe bpe;

    EXPECT_EQ(bit_bpe_init(&bpe, BIT_BPE_TOKENS_MAX + 1, 0), BIT_ELIMIT);
}

TEST_MAIN
