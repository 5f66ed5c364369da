#include "ctl/export/half.h"

#include "tests/test.h"

TEST(every_half_comes_back_and_neighbours_round_to_it)
{
    for (uint32_t h = 0; h < 0x7c00; h++) {
        const float v = bit_half_value((uint16_t)h), next = h == 0x7bff ? 65536.f : bit_half_value((uint16_t)(h + 1));
        const float middle = v + (next - v) / 2;
        bool good = bit_half_of(v) == h && bit_half_of(-v) == (h | 0x8000) && v >= 0;
        good = good && bit_half_of(nextafterf(middle, 0)) == h;
        good = good && bit_half_of(nextafterf(middle, INFINITY)) == h + 1;
        good = good && bit_half_of(middle) == (h & 1 ? h + 1 : h);
        if (!EXPECT(good))
            return;
    }
    EXPECT_EQ(bit_half_of(1), 0x3c00);
    EXPECT_EQ(bit_half_of(65519.996f), 0x7bff);
    EXPECT_EQ(bit_half_of(65520), 0x7c00);
    EXPECT_EQ(bit_half_of(1e30f), 0x7c00);
    EXPECT_EQ(bit_half_of(-INFINITY), 0xfc00);
    EXPECT(isinf(bit_half_value(0x7c00)));
    EXPECT(isnan(bit_half_value(0x7e00)));
}

TEST_MAIN
