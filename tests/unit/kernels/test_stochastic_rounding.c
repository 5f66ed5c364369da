/* Stochastic rounding: unbiased, the same on every machine, and independent between elements and between updates. */
#include <math.h>
#include <stdlib.h>

#include "kernels/stochastic_rounding.h"
#include "tests/test.h"

#define DRAWS 65536

/* The mean of DRAWS roundings of x, minus x, in units of |x| 2^-8. Draws differ in the element, or in the update. */
static double mean_off(float x, bool elements, int shift)
{
    const double unit = fabs((double)bit_bf16_to_f32(bit_f32_to_bf16(x))) * 0x1p-8;
    double sum = 0;

    for (uint64_t i = 0; i < DRAWS; i++) {
        const struct bit_rounding_key key = bit_rounding_key_of(6198, elements ? 7 : i);
        sum += bit_bf16_to_f32(bit_round_stochastically(x, bit_rounding_bits(key, elements ? i : 12345) >> shift));
    }
    return (sum / DRAWS - (double)x) / unit;
}

/* Each draw is one of two neighbours, one or two units apart: the mean's standard deviation is at most 1 / 256. */
TEST(the_mean_is_what_was_rounded)
{
    static const float values[] = {1.0f, 1.001f, -1.0039f, 3.3e-5f, 1.9999f, -7.77e20f};

    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (int shift = 0; shift <= 16; shift += 16) {
            EXPECT(fabs(mean_off(values[i], true, shift)) < 5 / 256.0);
            EXPECT(fabs(mean_off(values[i], false, shift)) < 5 / 256.0);
        }
}

TEST(what_bf16_holds_stays)
{
    static const float values[] = {0.0f, -0.0f, 1.0f, -1.5f, 0x1p-133f, INFINITY, -INFINITY};

    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (uint32_t random = 0; random <= 0xffff; random += 0x1111)
            EXPECT_EQ(bit_round_stochastically(values[i], random), bit_f32_to_bf16(values[i]));
    for (uint32_t random = 0; random <= 0xffff; random += 0x1111) /* a GPU's NaN is 0x7fffffff */
        EXPECT_EQ(bit_rounded_bits(0x7fffffffu, random), 0x7fffu);
    EXPECT_EQ(bit_round_stochastically(1.0f + 0x1p-23f, 0xfffe), bit_f32_to_bf16(1.0f));
    EXPECT_EQ(bit_round_stochastically(1.0f + 0x1p-23f, 0xffff), bit_f32_to_bf16(1.0f + 0x1p-7f));
}

/* Some of these NaNs have no payload in their upper 16 bits, which alone would be infinity. */
TEST(nan_stays_nan)
{
    static const uint32_t values[] = {0x7f800001u, 0xff800001u, 0x7f80ffffu, 0x7fbfffffu, 0x7fc00000u, 0xffffffffu};

    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (uint32_t random = 0; random <= 0xffff; random += 0x1111) {
            const bit_bf16 rounded = bit_rounded_bits(values[i], random);
            EXPECT(isnan(bit_bf16_to_f32(rounded)));
            EXPECT_EQ(rounded >> 15, values[i] >> 31);
        }
}

/* Bits of two keys, or of the two halves of one number, agree half of the time. */
static void expect_independent(uint32_t (*first)(uint64_t), uint32_t (*second)(uint64_t))
{
    for (int bit = 0; bit < 16; bit++) {
        int64_t same = 0;
        for (uint64_t i = 0; i < DRAWS; i++)
            same += ((first(i) ^ second(i)) >> bit & 1) == 0;
        EXPECT(llabs(same - DRAWS / 2) < 5 * 128); /* the standard deviation is 128 */
    }
}

static uint32_t bits_of(uint64_t seed, uint64_t update, uint64_t element)
{
    return bit_rounding_bits(bit_rounding_key_of(seed, update), element);
}
static uint32_t plain(uint64_t i)
{
    return bits_of(1, 100, i);
}
static uint32_t next_element(uint64_t i)
{
    return bits_of(1, 100, i + 1);
}
static uint32_t next_update(uint64_t i)
{
    return bits_of(1, 101, i);
}
static uint32_t next_seed(uint64_t i)
{
    return bits_of(2, 100, i);
}
static uint32_t far_element(uint64_t i)
{
    return bits_of(1, 100, i + ((uint64_t)1 << 32));
}
static uint32_t second_value(uint64_t i)
{
    return bits_of(1, 100, i) >> 16;
}

TEST(no_two_go_together)
{
    expect_independent(plain, next_element);
    expect_independent(plain, next_update);
    expect_independent(plain, next_seed);
    expect_independent(plain, far_element);
    expect_independent(plain, second_value);
}

/* All ranks, and a run that goes on from a checkpoint, must draw the same bits. */
TEST(the_bits_are_the_same_for_ever)
{
    EXPECT_EQ(bits_of(0, 0, 0), 0u);
    EXPECT_EQ(bits_of(6198, 1, 0), 0x5c2294cfu);
    EXPECT_EQ(bits_of(6198, 1000000, ((uint64_t)1 << 32) + 5), 0xe69c95b3u);
}

TEST_MAIN
