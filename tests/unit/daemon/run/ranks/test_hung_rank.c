#include "daemon/run/ranks/hung_rank.h"

#include "tests/test.h"

TEST(a_hang_is_the_rank_that_the_others_wait_for)
{
    struct bit_hung_rank r[3] = {{true, true, 12, "comm"}, {true, true, 12, "forward"}, {true, true, 12, "comm"}};

    EXPECT_EQ(bit_hung_rank_find(r, 3), 1);
    r[1].section = "comm"; /* waits as well, but did not write its stacks */
    r[1].answered = false;
    EXPECT_EQ(bit_hung_rank_find(r, 3), 1);
    r[1].answered = true; /* all wait: none stands out, unless one is a step behind */
    EXPECT_EQ(bit_hung_rank_find(r, 3), -1);
    r[2].step = 11;
    EXPECT_EQ(bit_hung_rank_find(r, 3), 2);
    r[0].section = "wait"; /* for an order, which bitd must send */
    EXPECT_EQ(bit_hung_rank_find(r, 1), -1);
    r[0].known = false;
    EXPECT_EQ(bit_hung_rank_find(r, 1), -1);
}

TEST_MAIN
