/* Which checkpoints are pinned, because somebody asked for them. */
#include "daemon/run/run_checkpoints.h"

#include "tests/run_of.h"

/* If the checkpoint that a client asked for could not be written, the next one is pinned instead. */
TEST(what_was_asked_for_is_pinned_or_the_next_instead)
{
    struct bit_run run;
    Bit__CheckpointAsked asked = BIT__CHECKPOINT_ASKED__INIT;
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;

    test_run_init(&run, test_spec_normalised("checkpoint { every: 5 }", NULL));
    r.what_case = BIT__JOURNAL_RECORD__WHAT_CHECKPOINT_ASKED;
    r.checkpoint_asked = &asked;
    asked.after_step = 8;
    asked.request_id = bit_lend("a");
    test_run_apply(&run, &r);
    test_run_checkpoint(&run, 5, 0, 0, 0);
    test_run_checkpoint(&run, 8, 0, 0, -28);
    test_run_checkpoint(&run, 10, 0, 0, 0);
    test_run_checkpoint(&run, 15, 0, 0, 0);
    EXPECT_EQ(run.checkpoints.count, 3u);
    EXPECT(!run.checkpoints.list[0].pinned && run.checkpoints.list[1].pinned && !run.checkpoints.list[2].pinned);
    EXPECT_EQ(run.checkpoints.asked_count, 0u);
    test_run_checkpoint(&run, 10, 0, 0, 0); /* written again after a restart */
    EXPECT(bit_run_checkpoint_at(&run, 10)->pinned);
    bit_run_finish(&run);
}

TEST_MAIN
