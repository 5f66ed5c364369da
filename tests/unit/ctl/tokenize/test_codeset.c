#include "ctl/tokenize/codeset.h"

#include "tests/test.h"

/* The set as text in hex: "1-3 7". */
static const char *text_of(const struct bit_codeset *set)
{
    static char line[1024];
    size_t used = 0;

    line[0] = '\0';
    for (size_t i = 0; i < set->count; i++) {
        const struct bit_code_range *r = &set->ranges[i];
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%x", i > 0 ? " " : "", r->first);
        if (r->last != r->first)
            used += (size_t)snprintf(line + used, sizeof line - used, "-%x", r->last);
    }
    return line;
}

TEST(ranges_that_touch_become_one)
{
    struct bit_codeset set = {0};

    EXPECT_EQ(bit_codeset_add(&set, 5, 7), 0);
    EXPECT_EQ(bit_codeset_add(&set, 1, 1), 0);
    EXPECT_STREQ(text_of(&set), "1 5-7");
    EXPECT_EQ(bit_codeset_add(&set, 3, 3), 0);
    EXPECT_STREQ(text_of(&set), "1 3 5-7");
    EXPECT_EQ(bit_codeset_add(&set, 2, 4), 0);
    EXPECT_STREQ(text_of(&set), "1-7");
    EXPECT_EQ(bit_codeset_add(&set, 0, BIT_CODE_LAST), 0);
    EXPECT_STREQ(text_of(&set), "0-10ffff");
    bit_codeset_finish(&set);
}

TEST(inverting_twice_changes_nothing)
{
    struct bit_codeset set = {0}, none = {0};

    EXPECT_EQ(bit_codeset_add(&set, 0, 4), 0);
    EXPECT_EQ(bit_codeset_add(&set, 9, 9), 0);
    EXPECT_EQ(bit_codeset_invert(&set), 0);
    EXPECT_STREQ(text_of(&set), "5-8 a-10ffff");
    EXPECT_EQ(bit_codeset_invert(&set), 0);
    EXPECT_STREQ(text_of(&set), "0-4 9");
    EXPECT_EQ(bit_codeset_invert(&none), 0);
    EXPECT_STREQ(text_of(&none), "0-10ffff");
    EXPECT_EQ(bit_codeset_invert(&none), 0);
    EXPECT_STREQ(text_of(&none), "");
    bit_codeset_finish(&set);
    bit_codeset_finish(&none);
}

enum { SMALL = 64 };

/* Adds random ranges below SMALL; returns the set as a mask with one bit per code point. */
static uint64_t random_set(struct bit_codeset *set, uint32_t *seed)
{
    uint64_t bits = 0;

    for (int n = 0; n < 6; n++) {
        *seed = *seed * 1664525u + 1013904223u;
        uint32_t first = *seed >> 8 & (SMALL - 1), last = first + (*seed >> 20 & 7);
        if (last >= SMALL)
            last = SMALL - 1;
        EXPECT_EQ(bit_codeset_add(set, first, last), 0);
        for (uint32_t c = first; c <= last; c++)
            bits |= UINT64_C(1) << c;
    }
    return bits;
}

static void expect_bits(const struct bit_codeset *set, uint64_t bits)
{
    for (uint32_t c = 0; c < SMALL; c++)
        EXPECT_EQ(bit_codeset_has(set, c), (bits >> c & 1) != 0);
    for (size_t i = 1; i < set->count; i++)
        EXPECT(set->ranges[i].first > set->ranges[i - 1].last + 1);
}

TEST(union_and_intersection_are_those_of_bits)
{
    uint32_t seed = 1;

    for (int i = 0; i < 300; i++) {
        struct bit_codeset a = {0}, b = {0}, both = {0};
        uint64_t x = random_set(&a, &seed), y = random_set(&b, &seed);
        expect_bits(&a, x);
        EXPECT_EQ(bit_codeset_unite(&both, &a), 0);
        EXPECT(bit_codeset_equal(&both, &a));
        EXPECT_EQ(bit_codeset_intersect(&both, &b), 0);
        expect_bits(&both, x & y);
        EXPECT_EQ(bit_codeset_unite(&a, &b), 0);
        expect_bits(&a, x | y);
        EXPECT_EQ(bit_codeset_equal(&a, &both), (x | y) == (x & y));
        bit_codeset_finish(&a);
        bit_codeset_finish(&b);
        bit_codeset_finish(&both);
    }
}

TEST_MAIN
