/* Ranks of a large launch do not connect all at once, and give a busy bitd time. */
#include <errno.h>

#include "proto/err.h"
#include "tests/test.h"
#include "worker/link/pace.h"

static unsigned rests_after(struct bit_pace *pace, int err)
{
    unsigned rests = 0;

    bit_pace_failed(pace, err);
    while (bit_pace_rests(pace))
        rests++;
    return rests;
}

TEST(each_attempt_that_bitd_began_to_answer_is_followed_by_longer_rest)
{
    static const unsigned expected[] = {1, 2, 4, 8, 8, 8};
    struct bit_pace pace = {0};

    EXPECT(!bit_pace_rests(&pace)); /* no rest before the first attempt */
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        EXPECT_EQ(rests_after(&pace, i % 2 == 0 ? -ETIMEDOUT : BIT_EDAEMON), expected[i]);
}

TEST(where_nobody_listens_every_turn_tries)
{
    struct bit_pace pace = {0};

    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(rests_after(&pace, -ECONNREFUSED), 0u);
        EXPECT_EQ(rests_after(&pace, -ENOENT), 0u); /* a Unix socket that is not there */
    }
    rests_after(&pace, -ETIMEDOUT);
    rests_after(&pace, -ETIMEDOUT);
    EXPECT_EQ(rests_after(&pace, -ECONNREFUSED), 0u);
    EXPECT_EQ(rests_after(&pace, -ETIMEDOUT), 1u); /* another bitd: the rests start over */
}

TEST(a_link_that_stood_is_made_again_at_once)
{
    struct bit_pace pace = {0};

    rests_after(&pace, -ETIMEDOUT);
    bit_pace_failed(&pace, -ETIMEDOUT);
    bit_pace_connected(&pace);
    EXPECT(!bit_pace_rests(&pace));
}

/* A killed bitd resets the attempts that reached it last, and the next bitd listens a moment later. */
TEST(the_first_attempt_after_a_lost_link_is_followed_by_no_rest)
{
    struct bit_pace pace = {0};

    bit_pace_connected(&pace);
    EXPECT_EQ(rests_after(&pace, -ECONNRESET), 0u);
    EXPECT_EQ(rests_after(&pace, -ECONNRESET), 1u);
    EXPECT_EQ(rests_after(&pace, BIT_EDAEMON), 2u);
    bit_pace_connected(&pace);
    EXPECT_EQ(rests_after(&pace, -ECONNREFUSED), 0u);
    EXPECT_EQ(rests_after(&pace, -ECONNRESET), 1u);
}

TEST(first_attempts_are_ten_a_millisecond_and_within_a_beat)
{
    EXPECT_EQ(bit_pace_first_ms(1, 1000), 0);
    EXPECT_EQ(bit_pace_first_ms(9, 1000), 0);
    EXPECT_EQ(bit_pace_first_ms(10, 1000), 1);
    EXPECT_EQ(bit_pace_first_ms(4095, 1000), 409);
    EXPECT_EQ(bit_pace_first_ms(65535, 1000), 1000);
    EXPECT_EQ(bit_pace_first_ms(4095, 100), 100);
}

/* Each fiftieth of the interval between two heartbeats has an equal share of 4,096 ranks. */
TEST(beats_are_spread_evenly)
{
    unsigned in[50] = {0};

    for (uint32_t r = 0; r < 4096; r++) {
        const int64_t ms = bit_pace_spread_ms(r, 4096, 1000);
        if (EXPECT(ms >= 0 && ms < 1000))
            in[ms / 20]++;
    }
    for (unsigned i = 0; i < 50; i++)
        EXPECT(in[i] >= 80 && in[i] <= 84);
    EXPECT_EQ(bit_pace_spread_ms(0, 0, 1000), 0); /* no number of ranks: no shift */
    EXPECT_EQ(bit_pace_spread_ms(65535, 65536, 600000), 599990);
}

TEST_MAIN
