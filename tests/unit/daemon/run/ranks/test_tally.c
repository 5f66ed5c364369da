#include "daemon/run/ranks/tally.h"

#include "proto/err.h"
#include "tests/test.h"

#define COMPLETE BIT__STOP_REASON__COMPLETE
#define PAUSE    BIT__STOP_REASON__PAUSE

static Bit__WorkerDone done_of(uint32_t rank, uint64_t step)
{
    Bit__WorkerDone m = BIT__WORKER_DONE__INIT;

    m.reason = COMPLETE;
    m.step = step;
    m.weights_digest = 0xabc;
    m.phase_digest = 0xdef;
    m.ranks = 4;
    m.rank = rank;
    return m;
}

static int say(struct bit_tally *t, uint32_t rank, uint64_t step)
{
    Bit__WorkerDone m = done_of(rank, step);

    return bit_tally_note(t, rank, &m);
}

static void expect_missing(const struct bit_tally *t, uint32_t count, uint32_t first, const char *text)
{
    char who[128];
    uint32_t found = 99;

    EXPECT_EQ(bit_tally_missing(t, 24, COMPLETE, &found), count);
    if (count > 0) {
        EXPECT_EQ(found, first);
        bit_tally_describe(t, 24, COMPLETE, who, sizeof who);
        EXPECT_STREQ(who, text);
    }
}

TEST(every_rank_counts_once)
{
    struct bit_tally t = {0};

    EXPECT_EQ(bit_tally_begin(&t, 4), 0);
    expect_missing(&t, 4, 0, "ranks 0, 1, 2, 3 of 4 did not report that they have finished");
    EXPECT_EQ(say(&t, 2, 24), 1);
    EXPECT_EQ(say(&t, 2, 24), 0);
    EXPECT_EQ(say(&t, 0, 24), 1);
    expect_missing(&t, 2, 1, "ranks 1, 3 of 4 did not report that they have finished");
    EXPECT_EQ(say(&t, 3, 24), 1);
    expect_missing(&t, 1, 1, "rank 1 of 4 did not report that it has finished");
    EXPECT_EQ(say(&t, 1, 24), 1);
    expect_missing(&t, 0, 0, "");
    bit_tally_forget(&t);
    expect_missing(&t, 4, 0, "ranks 0, 1, 2, 3 of 4 did not report that they have finished");
    bit_tally_finish(&t);
}

TEST(another_rank_or_number_of_ranks_is_refused)
{
    struct bit_tally t = {0};
    Bit__WorkerDone m = done_of(1, 24);

    EXPECT_EQ(bit_tally_begin(&t, 4), 0);
    EXPECT_EQ(bit_tally_note(&t, 2, &m), BIT_EWORKER); /* rank 1's, on rank 2's link */
    m.ranks = 3;
    EXPECT_EQ(bit_tally_note(&t, 1, &m), BIT_EWORKER);
    EXPECT_CONTAINS(bit_fail_text(), "rank 1 of 3");
    m = done_of(4, 24);
    EXPECT_EQ(bit_tally_note(&t, 4, &m), BIT_EWORKER);
    expect_missing(&t, 4, 0, "ranks 0, 1, 2, 3 of 4 did not report that they have finished");
    bit_tally_finish(&t);
}

TEST(digests_that_differ_are_refused_and_named)
{
    struct bit_tally t = {0};
    Bit__WorkerDone m = done_of(3, 24);

    EXPECT_EQ(bit_tally_begin(&t, 4), 0);
    EXPECT_EQ(say(&t, 0, 24), 1);
    m.weights_digest++;
    EXPECT_EQ(bit_tally_note(&t, 3, &m), BIT_EREPLICA);
    EXPECT_CONTAINS(bit_fail_text(),
                    "rank 3 says that the weights after step 24 are 0000000000000abd, and rank 0 said");
    m = done_of(3, 24);
    m.phase_digest++;
    EXPECT_EQ(bit_tally_note(&t, 3, &m), BIT_EREPLICA);
    EXPECT_CONTAINS(bit_fail_text(), "rank 3 says that its phase after step 24");
    m = done_of(0, 24);
    m.weights_digest++;
    EXPECT_EQ(bit_tally_note(&t, 0, &m), BIT_EREPLICA); /* nor may a rank contradict itself */
    expect_missing(&t, 3, 1, "ranks 1, 2, 3 of 4 did not report that they have finished");
    bit_tally_finish(&t);
}

/* A restarted daemon may stop the run for another reason, or at a later step. */
TEST(the_last_word_counts)
{
    struct bit_tally t = {0};
    Bit__WorkerDone m = done_of(1, 20);
    uint32_t first;

    EXPECT_EQ(bit_tally_begin(&t, 2), 0);
    m.ranks = 2;
    m.reason = PAUSE;
    EXPECT_EQ(bit_tally_note(&t, 1, &m), 1);
    EXPECT_EQ(bit_tally_missing(&t, 20, PAUSE, &first), 1);
    EXPECT_EQ(bit_tally_missing(&t, 20, COMPLETE, &first), 2);
    m.step = 24;
    m.reason = COMPLETE;
    m.weights_digest = 7; /* of another step: not compared */
    EXPECT_EQ(bit_tally_note(&t, 1, &m), 1);
    EXPECT_EQ(bit_tally_missing(&t, 20, PAUSE, &first), 2);
    EXPECT_EQ(bit_tally_missing(&t, 24, COMPLETE, &first), 1);
    EXPECT_EQ(first, 0);
    bit_tally_finish(&t);
}

TEST(many_are_not_all_named)
{
    struct bit_tally t = {0};

    EXPECT_EQ(bit_tally_begin(&t, 1000), 0);
    expect_missing(&t, 1000, 0, "ranks 0, 1, 2, 3, 4, 5, 6, 7, … of 1000 did not report that they have finished");
    bit_tally_finish(&t);
}

/* The counts kept with each report equal a recount, whatever the ranks report and in whatever order. */
TEST(what_is_counted_is_what_was_said)
{
    struct bit_tally t = {0};
    uint32_t seed = 12345;

    EXPECT_EQ(bit_tally_begin(&t, 7), 0);
    for (int i = 0; i < 20000; i++) {
        seed = seed * 1664525 + 1013904223;
        const uint32_t rank = (seed >> 8) % 7, word = (seed >> 16) % 8 == 0;
        Bit__WorkerDone m = BIT__WORKER_DONE__INIT;
        m.rank = rank, m.ranks = 7;
        m.step = 8 + (seed >> 20) % 2;
        m.reason = word ? BIT__STOP_REASON__PAUSE : BIT__STOP_REASON__COMPLETE;
        m.weights_digest = m.step;
        EXPECT(bit_tally_note(&t, rank, &m) >= 0);
        for (uint64_t step = 8; step < 10; step++) {
            uint32_t first = 99, lack = 0, lowest = 0;
            for (uint32_t r = 7; r-- > 0;)
                if (!t.rank[r].said || t.rank[r].step != step || t.rank[r].reason != BIT__STOP_REASON__COMPLETE)
                    lack++, lowest = r;
            EXPECT_EQ(bit_tally_missing(&t, step, BIT__STOP_REASON__COMPLETE, &first), lack);
            EXPECT_EQ(first, lowest);
        }
        if (seed >> 24 == 0)
            bit_tally_forget(&t);
    }
    bit_tally_finish(&t);
}

TEST_MAIN
