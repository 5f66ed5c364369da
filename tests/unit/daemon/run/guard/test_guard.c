/* The verdicts about steps that are NaN, and the rewinds that are due after them. */
#include "daemon/run/guard/guard.h"

#include "tests/unit/daemon/run/trained_run.h"

TEST(too_many_skipped_steps_stop_the_run)
{
    struct bit_run run;
    struct bit_guard guard = {0};

    make_run(&run, "guard { nan: SKIP_STEP most: 2 }");
    ready(&run, 0, 2, 77, 0);
    for (uint64_t s = 1; s <= 300; s++) {
        bool bad = s == 10 || s == 60 || s == 160 || s == 200 || s == 259;
        Bit__GuardAction want = !bad ? 0 : s == 259 ? BIT__GUARD_ACTION__STOP : BIT__GUARD_ACTION__SKIP_STEP;
        EXPECT_EQ(step(&run, &guard, s, 5, 1, bad), want); /* 160, 200 and 259 lie within 100 */
        if (s == 259)
            break;
        EXPECT_EQ(run.due.action, 0);
    }
    EXPECT_EQ(run.due.action, BIT__GUARD_ACTION__STOP);
    EXPECT_EQ(run.due.step, 259);
    EXPECT_CONTAINS(run.due.text, "the loss is NaN or infinite, first on rank 1; too often, the run is stopped");
    EXPECT_EQ(run.skipped, 5);
    EXPECT_EQ(run.seen_count, 5);
    bit_run_finish(&run);
}

TEST(a_rewind_is_due_until_it_is_made)
{
    struct bit_run run;
    struct bit_guard guard = {0};

    make_run(&run, "guard { preset: 'palm' most: 1 }");
    ready(&run, 0, 2, 77, 0);
    EXPECT_EQ(step(&run, &guard, 1, 5, 1, false), 0);
    EXPECT_EQ(step(&run, &guard, 2, 0, 0, true), BIT__GUARD_ACTION__REWIND);
    EXPECT_EQ(step(&run, &guard, 3, 5, 1, false), 0); /* a report that was in flight */
    EXPECT_EQ(run.due.action, BIT__GUARD_ACTION__REWIND);
    EXPECT_EQ(run.due.step, 2);
    rewind_to(&run, 0, 2, 2);
    EXPECT_EQ(run.due.action, 0);
    ready(&run, 0, 2, 77, 0);
    EXPECT_EQ(step(&run, &guard, 1, 0, 0, true), BIT__GUARD_ACTION__STOP); /* `most` allows one rewind */
    bit_run_finish(&run);
}

TEST_MAIN
