/* Which checkpoints of a run are kept. */
#include "daemon/store/retention/checkpoint_retention.h"

#include "tests/run_of.h"

TEST(keeps_what_it_should)
{
    struct bit_run run;

    test_run_init(
        &run, test_spec_normalised("checkpoint { every: 5 keep_every: 20 } phases { switch { at_step: 15 } }", NULL));
    run.checkpoints.list = calloc(9, sizeof *run.checkpoints.list);
    for (size_t i = 0; i < 9; i++)
        run.checkpoints.list[run.checkpoints.count++].step = 5 * (i + 1);
    static const bool kept[9] = {false, false, true, true, false, false, false, true, true};
    for (size_t i = 0; i < 9; i++)
        EXPECT_EQ(bit_checkpoint_retention_keeps(&run, i), kept[i]);
    run.checkpoints.list[0].pinned = true;
    EXPECT(bit_checkpoint_retention_keeps(&run, 0));
    bit_run_finish(&run);
}

TEST_MAIN
