/*
 * The end of a run: every rank reports that it is done, on its own link. The run is complete only when all have
 * reported and the journal has it. A rank that does not report, or reports other values, costs a launch; killing bitd
 * meanwhile costs nothing.
 */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/journal/journal.h"
#include "daemon/store/journal/journal_record.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

#define RANKS 4
#define LACKS "did not report that"

static struct fix f;
static const char spec[] = "launch.ranks=4\nschedule.steps=8\nlaunch.max_restarts=2";

static uint64_t undisturbed;

static bool begin(const char *name, int value, bool once)
{
    static char file[128];
    char text[16];

    fix_init(&f);
    snprintf(file, sizeof file, "%s/once", f.dir);
    snprintf(text, sizeof text, "%d", value);
    setenv(name, text, 1);
    if (once)
        setenv("FAKE_ONCE", file, 1);
    f.args[0] = "--set";
    f.args[1] = "stall_timeout=0.3";
    f.args[2] = "--set";
    f.args[3] = "kill_grace=0.3";
    return fix_start(&f);
}

static void expect_complete(const char *run, size_t launches)
{
    struct fix_events e;
    uint64_t digest = 0;

    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    fix_events(&f, run, &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_LAUNCHED), launches);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_STEP),
              8); /* none was repeated: the last checkpoint was complete */
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_RANKS_DONE), 1);
    const Bit__JournalRecord *r = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_RANKS_DONE);
    if (EXPECT(r != NULL)) {
        EXPECT_EQ(r->ranks_done->ranks, RANKS);
        EXPECT_EQ(r->ranks_done->step, 8);
        EXPECT_EQ(r->ranks_done->weights_digest, undisturbed);
        EXPECT_EQ(r->ranks_done->epoch, launches);
    }
    if (e.count > 0) /* only the end comes after it */
        EXPECT(e.record[e.count - 1]->what_case == BIT__JOURNAL_RECORD__WHAT_STATE && r == e.record[e.count - 2]);
    fix_events_free(&e);
}

/* The first launch is lost with this cause; the second completes the run. */
static void expect_once_lost(const char *name, int rank, const char *cause)
{
    struct fix_events e;
    char run[32];

    if (!begin(name, rank, true))
        return;
    fix_submit(&f, spec, run);
    expect_complete(run, 2);
    fix_events(&f, run, &e);
    const Bit__JournalRecord *lost = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_LOST);
    if (EXPECT(lost != NULL))
        EXPECT_CONTAINS(lost->lost->cause, cause);
    fix_events_free(&e);
    fix_finish(&f);
}

TEST(undisturbed_at_one_two_and_four_ranks)
{
    undisturbed = fix_undisturbed("schedule.steps=8\nlaunch.ranks=1");
    EXPECT_EQ(fix_undisturbed("schedule.steps=8\nlaunch.ranks=2"), undisturbed);
    EXPECT_EQ(fix_undisturbed(spec), undisturbed);
}

TEST(a_rank_that_dies_before_it_says_it)
{
    expect_once_lost("FAKE_DONE_DIES", 1, "ranks 0, 1, 2, 3 of 4 did not report that they have finished after step 8");
    expect_once_lost("FAKE_DONE_DIES", 3, LACKS); /* bitd may or may not have heard 1 and 2 */
    expect_once_lost("FAKE_DONE_DIES", 0, LACKS);
}

/* A launcher's exit code of 0 does not complete a run. */
TEST(ranks_that_leave_without_a_word)
{
    expect_once_lost("FAKE_DONE_LEAVES", 2, LACKS);
    expect_once_lost("FAKE_DONE_LEAVES", 0, LACKS);
}

TEST(a_rank_that_hangs_before_it_says_it)
{
    expect_once_lost("FAKE_DONE_HANGS", 3, "rank 0 on here (pid");
    expect_once_lost("FAKE_DONE_HANGS", 0, "rank 0 of 4 did not report that it has finished, 0.3 s after another did");
}

TEST(a_rank_that_says_something_else)
{
    expect_once_lost("FAKE_DONE_DIFFERS", 2,
                     "says that the weights after step 8 are"); /* the order of reading the links varies */
    expect_once_lost("FAKE_DONE_DIFFERS", 0, "says that the weights after step 8 are");
    expect_once_lost("FAKE_DONE_STEP", 2, "rank 2 says that");
}

TEST(one_rank_whose_weights_are_not_the_checkpoint_s)
{
    char run[32];

    if (!begin("FAKE_DONE_DIFFERS", 0, true))
        return;
    fix_submit(&f, "schedule.steps=8\nlaunch.ranks=1", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    struct fix_events e;
    fix_events(&f, run, &e);
    const Bit__JournalRecord *lost = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_LOST);
    if (EXPECT(lost != NULL))
        EXPECT_CONTAINS(lost->lost->cause, "and checkpoint step-00000008 has");
    fix_events_free(&e);
    fix_finish(&f);
}

/* Each rank that connects restarts the deadline for the missing reports. */
TEST(a_rank_that_is_greeted_late_has_its_time)
{
    char run[32];

    if (!begin("FAKE_DONE_LATE", 2, false))
        return;
    fix_stop(&f, SIGTERM);
    f.args[1] = "stall_timeout=2";
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    expect_complete(run, 1);
    fix_finish(&f);
}

TEST(a_word_of_another_launch_does_not_count)
{
    expect_once_lost("FAKE_DONE_EPOCH", 2, "rank 2 of 4 did not report that it has finished");
}

TEST(what_is_said_twice_counts_once)
{
    char run[32];

    if (!begin("FAKE_DONE_TWICE", 1, false))
        return;
    fix_submit(&f, spec, run);
    expect_complete(run, 1);
    fix_finish(&f);
}

/* The rank never reports: the run is restarted as often as the policy allows, then fails. */
TEST(a_run_whose_rank_never_says_it_fails)
{
    char run[32];

    if (!begin("FAKE_DONE_LEAVES", 2, false))
        return;
    fix_submit(&f, spec, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_POLICY);
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL) {
        EXPECT_EQ(status->state, BIT__RUN_STATE__FAILED);
        EXPECT_CONTAINS(status->reason, LACKS);
    }
    bit_msg_free(status);
    fix_finish(&f);
}

/* bitd is killed before the first report, between two, or after the last: the ranks wait for the next bitd and report
 * again, and no launch is lost. */
TEST(bitd_is_killed_among_them)
{
    static const int place[] = {1, 2, 3, 0, RANKS};

    for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
        char run[32];
        if (!begin("FAKE_DONE_KILLS", place[i], true))
            return;
        fix_submit(&f, spec, run);
        EXPECT_EQ(fix_wait_exit(&f), -SIGKILL);
        if (!fix_start(&f))
            return;
        expect_complete(run, 1);
        fix_finish(&f);
    }
}

static uint64_t last_bytes;

static int note_last(void *arg, const Bit__JournalRecord *record)
{
    last_bytes = bit__journal_record__get_packed_size(record) + BIT_JOURNAL_HEADER_BYTES;
    return 0;
}

static void cut_last_record(const char *path)
{
    struct bit_journal journal;
    uint64_t cut;
    struct stat st;

    EXPECT_EQ(bit_journal_open(path, note_last, NULL, &journal, &cut), 0);
    bit_journal_close(&journal);
    EXPECT_EQ(stat(path, &st), 0);
    EXPECT_EQ(truncate(path, st.st_size - (off_t)last_bytes), 0);
}

/* The journal says that all ranks are done, and they have exited: the run completes without another launch. */
TEST(bitd_is_killed_after_the_last_record_but_one)
{
    char run[32], path[256];

    if (!begin("FAKE_STEP_US", 1, false))
        return;
    fix_submit(&f, spec, run);
    expect_complete(run, 1);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    cut_last_record(fix_path(&f, run, "journal", path, sizeof path));
    if (!fix_start(&f))
        return;
    expect_complete(run, 1);
    fix_finish(&f);
}

TEST_MAIN
