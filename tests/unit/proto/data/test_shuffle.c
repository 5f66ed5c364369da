#include "proto/data/shuffle.h"

#include <zlib.h>

#include "proto/data/pcg64.h"
#include "proto/err.h"
#include "tests/test.h"

/* From numpy 1.24.2: numpy.random.PCG64(6198).random_raw(3). */
TEST(draws_as_numpy)
{
    struct bit_pcg64 rng;

    bit_pcg64_init(&rng, 6198);
    EXPECT_EQ(bit_pcg64_next64(&rng), 0xb4539f5cff6dcdf5u);
    EXPECT_EQ(bit_pcg64_next64(&rng), 0x4943c97e3b66ef81u);
    EXPECT_EQ(bit_pcg64_next64(&rng), 0x72b1c0d75cf4db48u);
    bit_pcg64_init(&rng, 6198); /* the low half first */
    EXPECT_EQ(bit_pcg64_next32(&rng), 0xff6dcdf5u);
    EXPECT_EQ(bit_pcg64_next32(&rng), 0xb4539f5cu);
    EXPECT_EQ(bit_pcg64_next32(&rng), 0x3b66ef81u);
}

/* Made at once or in any two parts, the swaps equal those of single draws. */
TEST(swaps_are_draws_one_by_one)
{
    enum { COUNT = 5000 };
    static uint32_t all[COUNT], parts[COUNT];
    struct bit_pcg64 one, two, slow;
    for (uint32_t cut = 2; cut < COUNT; cut += 61) {
        bit_pcg64_init(&one, cut);
        two = slow = one;
        bit_pcg64_swaps(&one, COUNT - 1, 1, all + 1);
        bit_pcg64_swaps(&two, COUNT - 1, cut, parts + cut);
        bit_pcg64_swaps(&two, cut - 1, 1, parts + 1);
        EXPECT_MEMEQ(all, parts, sizeof all);
        for (uint32_t i = COUNT - 1; i >= 1; i--) {
            uint32_t mask = UINT32_MAX >> __builtin_clz(i), v = bit_pcg64_next32(&slow) & mask;
            while (v > i)
                v = bit_pcg64_next32(&slow) & mask;
            EXPECT_EQ(all[i], v);
        }
        uint32_t next = bit_pcg64_next32(&slow);
        EXPECT_EQ(bit_pcg64_next32(&one), next);
        EXPECT_EQ(bit_pcg64_next32(&two), next);
    }
}

static uint32_t *whole(uint64_t seed, uint64_t epoch, uint32_t count)
{
    struct bit_shuffle *s = NULL;
    uint32_t *order = malloc(4 * (size_t)count);

    EXPECT_EQ(bit_shuffle_create(seed, count, &s), 0);
    EXPECT_EQ(bit_shuffle_read(s, epoch, 0, count, order), 0);
    bit_shuffle_destroy(s);
    return order;
}

/* numpy.random.Generator(PCG64(6198)).shuffle(arange(n, dtype=uint32)) */
TEST(shuffles_as_numpy)
{
    static const uint32_t of_16[] = {4, 14, 6, 15, 3, 2, 13, 0, 10, 11, 9, 7, 8, 1, 12, 5};
    static const uint32_t of_100003[] = {27125, 8068, 8648, 62718, 32625, 99822, 96240, 52874};
    uint32_t *order = whole(6198, 0, 16);

    EXPECT_MEMEQ(order, of_16, sizeof of_16);
    free(order);
    order = whole(6190, 8, 100003);
    EXPECT_MEMEQ(order, of_100003, sizeof of_100003);
    free(order);
    order = whole(6198, 0, 1000000);
    EXPECT_EQ(order[0], 896398u);
    EXPECT_EQ(order[1], 797198u);
    EXPECT_EQ(order[2], 937343u);
    EXPECT_EQ(crc32(0, (const Bytef *)order, 4000000), 0x882b0192u);
    free(order);
}

/* Windows of any size equal that part of the whole order, forwards over two epochs, and backwards. */
TEST(windows_are_parts_of_the_whole)
{
    static const struct {
        uint32_t count, window;
    } cases[] = {{1, 1},    {2, 1},     {3, 1},     {3, 2},         {7, 3},
                 {1000, 1}, {1000, 10}, {4097, 64}, {100003, 4096}, {2097153, 700000}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        uint32_t count = cases[c].count, window = cases[c].window, piece[777];
        struct bit_shuffle *s = NULL;
        EXPECT_EQ(bit_shuffle_create_windowed(11, count, window, &s), 0);
        for (uint64_t epoch = 3; epoch < 5; epoch++) {
            uint32_t *order = whole(11, epoch, count);
            for (uint32_t at = 0; at < count; at += 777) {
                uint32_t n = count - at < 777 ? count - at : 777;
                EXPECT_EQ(bit_shuffle_read(s, epoch, at, n, piece), 0);
                EXPECT_MEMEQ(piece, order + at, 4 * n);
            }
            EXPECT_EQ(bit_shuffle_read(s, epoch, 0, 1, piece), 0);
            EXPECT_EQ(piece[0], order[0]);
            free(order);
        }
        bit_shuffle_destroy(s);
    }
}

TEST(is_a_permutation_at_every_small_count)
{
    for (uint32_t count = 1; count < 70; count++) {
        uint32_t *order = whole(count, 0, count);
        bool seen[70] = {false};
        for (uint32_t i = 0; i < count; i++)
            if (EXPECT(order[i] < count) && EXPECT(!seen[order[i]]))
                seen[order[i]] = true;
        free(order);
    }
}

TEST(a_seed_of_more_than_32_bits_is_another_order)
{
    uint32_t *a = whole(5, 0, 1000), *b = whole(5 + (1ull << 32), 0, 1000);

    EXPECT(memcmp(a, b, 4000) != 0);
    free(a);
    free(b);
}

TEST(refuses_more_than_it_can_number)
{
    struct bit_shuffle *s = NULL;

    EXPECT_EQ(bit_shuffle_create(1, 1ull << 32, &s), BIT_ELIMIT);
    EXPECT_EQ(bit_shuffle_create(1, 0, &s), BIT_ELIMIT);
    EXPECT(s == NULL);
}

TEST_MAIN
