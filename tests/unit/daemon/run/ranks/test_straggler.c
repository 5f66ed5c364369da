/* Which rank is named as the slow one, and when none is. */
#include "daemon/run/ranks/straggler.h"

#include "tests/noise.h"
#include "tests/test.h"

static void times(uint32_t *us, size_t ranks, size_t slow, double factor)
{
    for (size_t r = 0; r < ranks; r++) {
        double f = r == slow ? factor : 1;
        const double ms[BIT_STRAGGLER_SECTIONS] = {0, 10 * f, 20 * f + (r == slow ? 5 : 0), 3, 2 * f, 1};
        for (int i = 0; i < BIT_STRAGGLER_SECTIONS; i++)
            us[r * BIT_STRAGGLER_SECTIONS + (size_t)i] = (uint32_t)(1000 * ms[i] * (1 + 0.05 * test_uniform()));
    }
}

TEST(the_right_rank_is_named_in_time)
{
    for (int round = 0; round < 20; round++) {
        struct bit_straggler s = {0};
        uint32_t us[8 * BIT_STRAGGLER_SECTIONS];
        size_t slow = (size_t)(test_uniform() * 8);
        int64_t named = -1;
        int after = 0;
        for (int i = 0; i < 300; i++) {
            times(us, 8, 8, 1);
            EXPECT_EQ(bit_straggler_note(&s, us, 8, 1.3, 50), -1); /* none is slow */
        }
        for (; after < 100 && named < 0; after++) {
            times(us, 8, slow, 1.5);
            named = bit_straggler_note(&s, us, 8, 1.3, 50);
        }
        EXPECT_EQ(named, slow);
        EXPECT(after <= 50);
        EXPECT_STREQ(bit_straggler_place(&s, slow), "backward");
        times(us, 8, slow, 1.5);
        EXPECT_EQ(bit_straggler_note(&s, us, 8, 1.3, 50), -1); /* reported once */
        bit_straggler_finish(&s);
    }
}

TEST(one_pause_makes_no_straggler)
{
    struct bit_straggler s = {0};
    uint32_t us[2 * BIT_STRAGGLER_SECTIONS];

    for (int i = 0; i < 200; i++) {
        times(us, 2, i == 100 ? 1 : 2, 1000);
        EXPECT_EQ(bit_straggler_note(&s, us, 2, 1.3, 50), -1);
    }
    EXPECT_EQ(bit_straggler_note(&s, us, 1, 1.3, 50), -1); /* a single rank is never slow */
    bit_straggler_finish(&s);
}

TEST_MAIN
