#include "daemon/order.h"

#include <zlib.h>

#include "proto/err.h"
#include "tests/test.h"

/* Against numpy 1.24.2: numpy.random.PCG64(6198).random_raw(3). */
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

/* numpy.random.Generator(PCG64(6198)).shuffle(arange(n, dtype=uint32)) */
TEST(shuffles_as_numpy)
{
    static const uint32_t of_16[] = {4, 14, 6, 15, 3, 2, 13, 0, 10, 11, 9, 7, 8, 1, 12, 5};
    static const uint32_t of_100003[] = {27125, 8068, 8648, 62718, 32625, 99822, 96240, 52874};
    uint32_t *order = NULL;
    EXPECT_EQ(bit_order_create(6198, 16, &order), 0);
    EXPECT_MEMEQ(order, of_16, sizeof of_16);
    free(order);
    EXPECT_EQ(bit_order_create(6198, 100003, &order), 0);
    EXPECT_MEMEQ(order, of_100003, sizeof of_100003);
    free(order);
    EXPECT_EQ(bit_order_create(6198, 1000000, &order), 0);
    EXPECT_EQ(order[0], 896398u);
    EXPECT_EQ(order[1], 797198u);
    EXPECT_EQ(order[2], 937343u);
    EXPECT_EQ(crc32(0, (const Bytef *)order, 4000000), 0x882b0192u);
    free(order);
}

TEST(is_a_permutation_at_every_small_count)
{
    for (uint32_t count = 0; count < 70; count++) {
        uint32_t *order = NULL;
        bool seen[70] = {false};
        EXPECT_EQ(bit_order_create(count, count, &order), 0);
        for (uint32_t i = 0; i < count; i++)
            if (EXPECT(order[i] < count) && EXPECT(!seen[order[i]]))
                seen[order[i]] = true;
        free(order);
    }
}

TEST(a_seed_of_more_than_32_bits_is_another_order)
{
    uint32_t *a = NULL, *b = NULL;
    EXPECT_EQ(bit_order_create(5, 1000, &a), 0);
    EXPECT_EQ(bit_order_create(5 + (1ull << 32), 1000, &b), 0);
    EXPECT(memcmp(a, b, 4000) != 0);
    free(a);
    free(b);
}

TEST(refuses_more_than_it_can_number)
{
    uint32_t *order = NULL;
    EXPECT_EQ(bit_order_create(1, 1ull << 32, &order), BIT_ELIMIT);
    EXPECT(order == NULL);
}

TEST_MAIN
