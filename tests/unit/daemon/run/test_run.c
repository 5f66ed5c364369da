/* How long a run waits after launches that were lost. */
#include "daemon/run/run.h"

#include "tests/run_of.h"

TEST(backs_off_and_gives_up)
{
    struct bit_run run;
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;
    Bit__WorkerLost lost = BIT__WORKER_LOST__INIT;
    static const uint64_t ms[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000, 30000};

    test_run_init(&run, test_spec_normalised("", NULL));
    r.what_case = BIT__JOURNAL_RECORD__WHAT_LOST;
    r.lost = &lost;
    run.step_max = 3;
    for (size_t i = 0; i < 10; i++) {
        run.launch.stood = true;
        test_run_apply(&run, &r);
        EXPECT_EQ(run.fruitless, i + 1);
        EXPECT_EQ(bit_run_backoff_ms(&run, 30000), ms[i]);
    }
    run.launch.stood = true;
    run.step_max = 4; /* one step further: the count starts again */
    test_run_apply(&run, &r);
    EXPECT_EQ(run.fruitless, 1);
    run.launch.stood = true;
    run.eval.made = 1; /* an evaluation does the same: it is not repeated */
    test_run_apply(&run, &r);
    EXPECT_EQ(run.fruitless, 1);
    run.launch.stood = true;
    test_run_apply(&run, &r);
    EXPECT_EQ(run.fruitless, 2);
    run.launch.stood = true;
    run.step_max = 5;
    test_run_apply(&run, &r);
    EXPECT_EQ(run.restarts, 14);
    for (unsigned i = 1; i <= 40; i++) { /* launches that never became ready are counted apart */
        test_run_apply(&run, &r);
        EXPECT_EQ(run.launch.failures, i);
        EXPECT_EQ(bit_run_backoff_ms(&run, 30000), ms[BIT_MIN(i, 10u) - 1]);
    }
    EXPECT_EQ(run.fruitless, 1);
    bit_run_finish(&run);
}

TEST_MAIN
