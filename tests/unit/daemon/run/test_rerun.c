/* The comparison of steps that are done again after a restart. */
#include "daemon/run/rerun.h"

#include "tests/unit/daemon/run/trained_run.h"

static void start_again(struct bit_run *run, uint32_t ranks, uint64_t weights, uint64_t moments)
{
    make_run(run, "");
    ready(run, 0, 2, 77, 0);
    train(run, 1, 4);
    checkpoint(run, 4, 40, 41);
    train(run, 5, 9);
    ready(run, 4, ranks, weights, moments);
}

TEST(a_resume_is_verified_to_the_last_step)
{
    struct bit_run run;
    char text[256];

    start_again(&run, 2, 40, 41);
    const uint64_t link = bit_history_get(&run.history, 9)->link;
    train(&run, 5, 8);
    EXPECT(!bit_rerun_is_done(&run.rerun));
    train(&run, 9, 9);
    EXPECT(bit_rerun_is_done(&run.rerun) && run.rerun.first.field == NULL);
    bit_rerun_text(&run.rerun, text, sizeof text);
    EXPECT_STREQ(text, "bit for bit, steps 5 to 9");
    EXPECT_EQ(run.chain, link);
    bit_run_finish(&run);
}

TEST(altered_moments_are_named_before_a_step_is_done)
{
    struct bit_run run;
    char text[256];

    start_again(&run, 2, 40, 42);
    EXPECT(bit_rerun_is_done(&run.rerun));
    EXPECT_STREQ(run.rerun.first.field, "moments");
    bit_rerun_text(&run.rerun, text, sizeof text);
    EXPECT_STREQ(text, "restored after step 4: moments 0x000000000000002a (42), was 0x0000000000000029 (41)");
    bit_run_finish(&run);
    start_again(&run, 2, 39, 41);
    EXPECT_STREQ(run.rerun.first.field, "weights");
    bit_run_finish(&run);
}

/* A fork may begin with fresh moments, or with moments of another type: they are not compared. */
TEST(what_is_said_of_a_restore_is_what_was_compared)
{
    for (int moments = 0; moments < 2; moments++) {
        struct bit_run run;
        char text[256];

        make_run(&run, "");
        ready(&run, 0, 2, 77, 0);
        train(&run, 1, 4);
        checkpoint(&run, 4, 40, 41);
        run.checkpoints.list[0].has_moments = moments;
        ready(&run, 4, 2, 40, moments ? 41 : 42);
        EXPECT(bit_rerun_is_done(&run.rerun) && run.rerun.first.field == NULL);
        bit_rerun_text(&run.rerun, text, sizeof text);
        EXPECT_STREQ(text, moments ? "weights and moments restored after step 4 are those of its checkpoint"
                                   : "weights restored after step 4 are those of its checkpoint");
        bit_run_finish(&run);
    }
}

TEST(the_first_step_that_differs_is_named)
{
    struct bit_run run;
    struct bit_guard guard = {0};
    char text[256];

    start_again(&run, 2, 40, 41);
    train(&run, 5, 6);
    step(&run, &guard, 7, 4.25, 1, false);
    EXPECT(bit_rerun_is_done(&run.rerun));
    bit_rerun_text(&run.rerun, text, sizeof text);
    EXPECT_STREQ(text, "step 7: loss 0x4011000000000000 (4.25), was 0x4013b851eb851eb8 (4.9299999999999997)");
    bit_run_finish(&run);
}

TEST(other_ranks_add_otherwise)
{
    struct bit_run run;
    struct bit_guard guard = {0};
    char text[256];

    start_again(&run, 4, 40, 41);
    for (uint64_t s = 5; s <= 9; s++)
        step(&run, &guard, s, 4.25, 2, false);
    EXPECT(bit_rerun_is_done(&run.rerun) && run.rerun.first.field == NULL);
    bit_rerun_text(&run.rerun, text, sizeof text);
    EXPECT_CONTAINS(text, "not comparable: ranks 2 -> 4; data, phase, strength and learning rate of steps 5 to 9");
    bit_run_finish(&run);
}

TEST_MAIN
