/* Which ranks' times a report has, and that the daemon finds the slow rank from them. */
#include <stdlib.h>

#include "daemon/run/ranks/straggler.h"
#include "proto/check.h"
#include "proto/wire/msg.h"
#include "tests/test.h"
#include "worker/ranks/ranks_told.h"

#define MANY 2048

static uint32_t us[MANY * BIT_SECTION_SPLIT];

/* Rank r works 1000 + r microseconds, except the slow one. Each also waits, which must not count. */
static void fill(uint32_t ranks, uint32_t slow)
{
    for (uint32_t r = 0; r < ranks; r++) {
        uint32_t *at = us + (size_t)r * BIT_SECTION_SPLIT;
        at[BIT_SECTION_WAIT] = 100000 * (ranks - r);
        at[BIT_SECTION_FORWARD] = r == slow ? 5000 : 400;
        at[BIT_SECTION_BACKWARD] = 500 + r;
        at[BIT_SECTION_COMM] = 70000;
        at[BIT_SECTION_OPTIMIZER] = 60;
        at[BIT_SECTION_OTHER] = 40;
    }
}

TEST(up_to_the_limit_everybody_is_told_of)
{
    Bit__StepReport m = BIT__STEP_REPORT__INIT;
    struct bit_ranks_told told;

    EXPECT_EQ(bit_ranks_told_init(&told, BIT_RANKS_TOLD_MAX), 0);
    fill(BIT_RANKS_TOLD_MAX, 3);
    bit_ranks_told_fill(&told, us, BIT_RANKS_TOLD_MAX, &m);
    EXPECT_EQ(m.n_rank_us, (size_t)BIT_RANKS_TOLD_MAX * BIT_SECTION_SPLIT);
    EXPECT_EQ(m.n_rank_told, 0u);
    EXPECT(m.rank_us == us);
    bit_ranks_told_finish(&told);
}

TEST(beyond_it_the_quartiles_and_the_slowest)
{
    Bit__StepReport m = BIT__STEP_REPORT__INIT;
    struct bit_ranks_told told;

    EXPECT_EQ(bit_ranks_told_init(&told, MANY), 0);
    fill(MANY, 77);
    bit_ranks_told_fill(&told, us, MANY, &m);
    EXPECT_EQ(m.n_rank_told, (size_t)BIT_RANKS_TOLD_ROWS);
    EXPECT_EQ(m.n_rank_us, m.n_rank_told * BIT_SECTION_SPLIT);
    EXPECT_EQ(m.rank_told[0], 0u);
    EXPECT_EQ(m.rank_told[2], 1024u); /* not 1023: the slow rank 77 is sorted above */
    EXPECT_EQ(m.rank_told[4], 77u);
    EXPECT_EQ(m.rank_told[5], 77u);
    for (uint32_t i = 1; i < BIT_RANKS_SLOWEST; i++)
        EXPECT_EQ(m.rank_told[BIT_RANKS_QUANTILES + i], MANY - i);
    for (size_t i = 0; i < m.n_rank_told; i++)
        EXPECT_EQ(m.rank_us[i * BIT_SECTION_SPLIT + BIT_SECTION_BACKWARD], 500 + m.rank_told[i]);
    bit_ranks_told_finish(&told);
}

TEST(the_slow_one_of_many_is_named_from_it)
{
    struct bit_straggler s = {0};
    struct bit_ranks_told told;
    int64_t named = -1;
    unsigned is_told = 0;
    int steps = 0;

    EXPECT_EQ(bit_ranks_told_init(&told, MANY), 0);
    fill(MANY, 77);
    for (; steps < 100 && named < 0; steps++) {
        Bit__StepReport m = BIT__STEP_REPORT__INIT;
        bit_ranks_told_fill(&told, us, MANY, &m);
        named = bit_straggler_note_told(&s, m.rank_us, m.rank_told, m.n_rank_told, MANY, 1.8, 50);
    }
    EXPECT_EQ(named, 77);
    EXPECT_EQ(steps, 50);
    EXPECT_STREQ(bit_straggler_place(&s, 77), "forward");
    for (size_t r = 0; r < MANY; r++)
        is_told += bit_straggler_is_told(&s, r);
    EXPECT_EQ(is_told, BIT_RANKS_TOLD_ROWS - 1u); /* the slowest rank is also the last quantile */
    EXPECT(bit_straggler_is_told(&s, 77) && bit_straggler_is_told(&s, MANY - 1) && !bit_straggler_is_told(&s, 100));
    bit_straggler_finish(&s);
    bit_ranks_told_finish(&told);
}

TEST(a_rank_that_is_none_says_nothing)
{
    static uint32_t none[BIT_RANKS_TOLD_ROWS * BIT_SECTION_SPLIT];
    struct bit_straggler s = {0};
    uint32_t told[BIT_RANKS_TOLD_ROWS] = {0};

    told[7] = MANY;
    EXPECT_EQ(bit_straggler_note_told(&s, none, told, BIT_RANKS_TOLD_ROWS, MANY, 1.8, 1), -1);
    EXPECT_EQ(bit_straggler_note_told(&s, none, told, 2, MANY, 1.8, 1), -1);
    EXPECT_EQ(s.steps, 0u);
    bit_straggler_finish(&s);
}

TEST_MAIN
