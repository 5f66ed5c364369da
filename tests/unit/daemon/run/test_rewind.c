/* Batches left out, which batch each step trains on, and how a run is set back. */
#include "daemon/run/rewind.h"

#include "tests/noise.h"
#include "tests/unit/daemon/run/trained_run.h"

TEST(positions_follow_the_rewinds)
{
    struct bit_rewinds r = {0};

    EXPECT_EQ(bit_rewinds_position(&r, 7), 7);
    EXPECT_EQ(bit_rewinds_skip(&r, 10, 15, 2), 5); /* the batch of step 15 must not come again */
    EXPECT_EQ(bit_rewinds_add(&r, 10, 5, 15, 1), 0);
    EXPECT_EQ(bit_rewinds_position(&r, 10), 10);
    EXPECT_EQ(bit_rewinds_position(&r, 11), 16);
    EXPECT_EQ(bit_rewinds_add(&r, 20, 100, 22, 2), 0);
    EXPECT_EQ(bit_rewinds_position(&r, 20), 25);
    EXPECT_EQ(bit_rewinds_position(&r, 21), 126);
    /* Back to the same step: counted from that step's batch, so the batches left out before are included. */
    EXPECT_EQ(bit_rewinds_skip(&r, 20, 23, 1), 103);
    EXPECT_EQ(bit_rewinds_add(&r, 20, 103, 23, 3), 0);
    EXPECT_EQ(bit_rewinds_position(&r, 21), 129);
    EXPECT_EQ(bit_rewinds_to(&r, 20), 2);
    /* Further back than all rewinds before, which no longer apply. */
    EXPECT_EQ(bit_rewinds_skip(&r, 5, 21, 1), 124);
    EXPECT_EQ(bit_rewinds_add(&r, 5, 124, 21, 4), 0);
    EXPECT_EQ(bit_rewinds_position(&r, 5), 5);
    EXPECT_EQ(bit_rewinds_position(&r, 6), 130);
    bit_rewinds_finish(&r);
}

TEST(no_batch_comes_twice_whatever_is_rewound)
{
    struct bit_rewinds r = {0};
    uint64_t used[512], last = 0;

    for (int i = 0; i < 60; i++) {
        uint64_t at = last + 1 + (uint64_t)(test_uniform() * 8), to = (uint64_t)(test_uniform() * (double)at);
        for (uint64_t s = last + 1; s <= at; s++)
            used[s] = bit_rewinds_position(&r, s);
        uint64_t bad = used[at];
        EXPECT_EQ(bit_rewinds_add(&r, to, bit_rewinds_skip(&r, to, at, (uint64_t)(test_uniform() * 3)), at, 1), 0);
        for (uint64_t s = 1; s <= to; s++)
            EXPECT_EQ(bit_rewinds_position(&r, s), used[s]); /* kept steps keep their batches */
        EXPECT(bit_rewinds_position(&r, to + 1) > bad);
        last = to;
    }
    bit_rewinds_finish(&r);
}

TEST(checkpoints_of_a_line_that_is_no_more)
{
    struct bit_rewinds r = {0};

    EXPECT_EQ(bit_rewinds_add(&r, 10, 5, 15, 3), 0);
    EXPECT(!bit_rewinds_gave_up(&r, 10, 1));
    EXPECT(bit_rewinds_gave_up(&r, 12, 1));
    EXPECT(bit_rewinds_gave_up(&r, 12, 3)); /* in the launch that was rewound, too */
    EXPECT(!bit_rewinds_gave_up(&r, 12, 4));
    bit_rewinds_finish(&r);
}

TEST(a_run_that_was_set_back)
{
    struct bit_run run;
    struct bit_guard guard = {0};

    make_run(&run, "guard { rewind_steps: 3 skip_batches: 2 }");
    ready(&run, 0, 2, 77, 0);
    for (uint64_t s = 1; s <= 12; s++) {
        EXPECT_EQ(step(&run, &guard, s, 5, 1, s == 7), s == 7 ? BIT__GUARD_ACTION__SKIP_STEP : 0);
        if (s % 4 == 0)
            checkpoint(&run, s, s, s);
    }
    const uint64_t link = bit_history_get(&run.history, 8)->link;
    EXPECT_EQ(run.skipped, 1);
    EXPECT_EQ(bit_guard_target(&run, 11), 8);
    EXPECT_EQ(bit_guard_target(&run, 10), 4); /* 8 is not 3 steps back */
    EXPECT_EQ(bit_guard_target(&run, 5), 4);  /* none is: the oldest one */
    EXPECT_EQ(bit_guard_target(&run, 3), 0);
    rewind_to(&run, 8, 4, 12);
    EXPECT_EQ(run.state, BIT__RUN_STATE__RESTARTING);
    EXPECT_EQ(run.step_max, 8);
    EXPECT_EQ(run.checkpoints.count, 2);
    EXPECT_EQ(run.skipped, 1);
    EXPECT(bit_history_get(&run.history, 9) == NULL);
    EXPECT_EQ(bit_run_position(&run, 9), 13);
    snprintf(run.launch.restore, sizeof run.launch.restore, "step-00000008");
    ready(&run, 8, 2, 8, 8);
    EXPECT_EQ(run.chain, link); /* the chain goes on from the checkpoint's step */
    EXPECT(bit_rerun_is_done(&run.rerun) && run.rerun.first.field == NULL);
    bit_run_finish(&run);
}

TEST_MAIN
