#include "proto/half.h"

#include <math.h>
#include <stdint.h>

#include "ctl/export/numbers.h"
#include "tests/test.h"

TEST(every_half_is_its_own_value)
{
    int wrong = 0;

    for (uint32_t h = 0; h < 0x10000; h++)
        if ((h & 0x7c00) != 0x7c00)
            wrong += bit_half_of(bit_half_value((uint16_t)h)) != h;
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(bit_half_value(0x7bff) == BIT_HALF_MAX, 1);
    EXPECT(isinf(bit_half_value(0x7c00)) && isnan(bit_half_value(0x7e00)));
}

/* Between two neighbours: the nearer one, and in the middle the even one. */
TEST(between_two_halves_the_nearest_and_the_even_one)
{
    int wrong = 0;

    for (uint32_t h = 0; h < 0x7bff; h++) {
        const float low = bit_half_value((uint16_t)h), high = bit_half_value((uint16_t)(h + 1)),
                    middle = (low + high) / 2;
        wrong += bit_half_of(nextafterf(middle, 0)) != h;
        wrong += bit_half_of(nextafterf(middle, INFINITY)) != h + 1;
        wrong += bit_half_of(middle) != (h & 1 ? h + 1 : h);
        wrong += bit_half_of(-middle) != (0x8000 | (h & 1 ? h + 1 : h));
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(bit_half_of(nextafterf(65520, 0)), 0x7bff);
    EXPECT_EQ(bit_half_of(65520), 0x7c00);
}

/* The comparison decodes the values, so it finds errors that encoding them again would repeat. */
TEST(a_neighbour_is_not_the_number)
{
    static const enum bit_number_type types[] = {BIT_NUMBERS_F16, BIT_NUMBERS_BF16};
    static const float numbers[] = {1, -1, 0.02f, -3e-7f, 1.0009f, 60000, 1e-20f, 0};
    const int64_t count = sizeof numbers / sizeof numbers[0];
    uint8_t bytes[4 * sizeof numbers];

    for (int t = 0; t < 2; t++) {
        EXPECT_EQ(bit_numbers_encode(types[t], numbers, count, bytes), count);
        EXPECT_EQ(bit_numbers_compare(types[t], numbers, count, bytes), count);
        for (int64_t i = 0; i < count; i++)
            for (int by = 1; by <= 0x80; by <<= 1) {
                bytes[2 * i] ^= (uint8_t)by;
                EXPECT_EQ(bit_numbers_compare(types[t], numbers, count, bytes), i);
                bytes[2 * i] ^= (uint8_t)by;
            }
    }
}

TEST(what_a_type_cannot_hold_is_named)
{
    static const float numbers[] = {1, 65519, -65520, 70000};
    uint8_t bytes[sizeof numbers];

    EXPECT_EQ(bit_numbers_encode(BIT_NUMBERS_F16, numbers, 4, bytes), 2);
    EXPECT_EQ(bit_numbers_encode(BIT_NUMBERS_BF16, numbers, 4, bytes), 4);
}

TEST_MAIN
