#include "proto/crc32c.h"

#include "proto/check.h"
#include "tests/test.h"

static uint8_t data[256 << 10];

static void fill(uint64_t seed)
{
    for (size_t i = 0; i < sizeof data; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        data[i] = (uint8_t)(seed >> 56);
    }
}

/* The definition: one bit at a time. */
static uint32_t by_definition(const uint8_t *p, size_t bytes)
{
    uint32_t crc = ~0u;

    for (size_t i = 0; i < bytes; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

/* RFC 3720, appendix B.4. */
TEST(known_vectors)
{
    uint8_t buf[32];

    EXPECT_EQ(bit_crc32c(0, "123456789", 9), 0xe3069283u);
    EXPECT_EQ(bit_crc32c_portable(0, "123456789", 9), 0xe3069283u);
    EXPECT_EQ(bit_crc32c(0, NULL, 0), 0u);
    memset(buf, 0, sizeof buf);
    EXPECT_EQ(bit_crc32c(0, buf, 32), 0x8a9136aau);
    memset(buf, 0xff, sizeof buf);
    EXPECT_EQ(bit_crc32c(0, buf, 32), 0x62a8ab43u);
    for (int i = 0; i < 32; i++)
        buf[i] = (uint8_t)i;
    EXPECT_EQ(bit_crc32c(0, buf, 32), 0x46dd794eu);
    for (int i = 0; i < 32; i++)
        buf[i] = (uint8_t)(31 - i);
    EXPECT_EQ(bit_crc32c(0, buf, 32), 0x113fdb5cu);
}

/* Lengths around each switch from one loop to another, at every alignment. */
TEST(both_ways_agree_with_the_definition)
{
    static const size_t around[] = {0, 8, 64, 1024, 3072, 6144, 9216};

    fill(1);
    for (size_t a = 0; a < BIT_COUNT(around); a++)
        for (size_t align = 0; align < 8; align++)
            for (size_t extra = 0; extra < 12; extra++) {
                uint32_t want = by_definition(data + align, around[a] + extra);
                if (!EXPECT_EQ(bit_crc32c(0, data + align, around[a] + extra), want) ||
                    !EXPECT_EQ(bit_crc32c_portable(0, data + align, around[a] + extra), want))
                    fprintf(stderr, "    %zu bytes from %zu\n", around[a] + extra, align);
            }
}

TEST(continuing_is_concatenating)
{
    uint32_t whole;

    fill(2);
    whole = bit_crc32c(0, data, 20000);
    for (size_t cut = 0; cut <= 20000; cut += 37)
        if (!EXPECT_EQ(bit_crc32c(bit_crc32c(0, data, cut), data + cut, 20000 - cut), whole))
            return;
}

TEST(joining_is_concatenating)
{
    uint32_t whole;

    fill(2);
    whole = bit_crc32c(0, data, 20000);
    for (size_t cut = 0; cut <= 20000; cut += 37) {
        uint32_t a = bit_crc32c(0, data, cut), b = bit_crc32c(0, data + cut, 20000 - cut);
        if (!EXPECT_EQ(bit_crc32c_join(a, b, 20000 - cut), whole))
            return;
    }
}

TEST(every_flipped_bit_changes_it)
{
    uint32_t whole;

    fill(3);
    whole = bit_crc32c(0, data, 8192);
    for (size_t bit = 0; bit < 8192 * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (!EXPECT_NE(bit_crc32c(0, data, 8192), whole))
            return;
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

TEST_MAIN
