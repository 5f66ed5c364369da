/* A run that this bitd cannot launch stays in the queue, blocked with the reason, and can be launched later. */
#include <signal.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;
static char launcher[128], setting[160];

/* From here on bitd is started with a launcher that does not exist. */
static void take_launcher_away(void)
{
    snprintf(launcher, sizeof launcher, "%s/mpirun", f.dir);
    snprintf(setting, sizeof setting, "mpirun=%s", launcher);
    f.args[0] = "--set";
    f.args[1] = setting;
}

static void expect_withheld(const char *run, const char *text)
{
    Bit__RunStatus *status = fix_status(&f, run);
    struct fix_events events;

    if (status != NULL) {
        EXPECT_EQ(status->state, BIT__RUN_STATE__BLOCKED);
        EXPECT_CONTAINS(status->reason, text);
        EXPECT_EQ(status->queue_position, 0);
    }
    bit_msg_free(status);
    fix_events(&f, run, &events);
    const Bit__JournalRecord *last = fix_last(&events, BIT__JOURNAL_RECORD__WHAT_STATE);
    if (last != NULL) /* no record: the run never had a slot */
        EXPECT_EQ(last->state->state, BIT__RUN_STATE__QUEUED);
    fix_events_free(&events);
}

TEST(a_launcher_that_is_not_there_is_waited_for)
{
    char run[32];

    fix_init(&f);
    take_launcher_away();
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    fix_wait_state(&f, run, BIT__RUN_STATE__BLOCKED);
    expect_withheld(run, "the setting mpirun names the launcher");
    EXPECT_EQ(symlink(FAKE_MPIRUN_PATH, launcher), 0);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0); /* without a request */
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL)
        EXPECT_EQ(status->restarts, 0);
    bit_msg_free(status);
    fix_finish(&f);
}

/* Later runs in the queue do not wait for it. */
TEST(others_are_launched_meanwhile)
{
    char run[2][32];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "launch.backend=CUDA", run[0]); /* without a GPU it is withheld */
    fix_submit(&f, NULL, run[1]);
    EXPECT_EQ(fix_wait_end(&f, run[1], NULL), 0);
    if (access("/dev/nvidiactl", F_OK) != 0)
        expect_withheld(run[0], "this machine has no GPU");
    fix_finish(&f);
}

/* A run that a bitd left: with a checkpoint (SIGTERM), or with its workers killed (SIGKILL). */
static void look_and_go_on(int signal)
{
    char run[32];
    pid_t pids[8];
    uint64_t digest = 0, undisturbed = fix_undisturbed(NULL);

    fix_init(&f);
    setenv("FAKE_STEP_US", "20000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "launch.max_restarts=0", run);
    fix_wait_step(&f, run, 5);
    fix_stop(&f, signal);
    int count = fix_workers(&f, run, pids, 8);
    for (int i = 0; i < count; i++)
        kill(pids[i], SIGKILL);
    take_launcher_away();
    for (int look = 0; look < 2; look++) {
        if (!fix_start(&f))
            return;
        fix_wait_state(&f, run, BIT__RUN_STATE__BLOCKED);
        expect_withheld(run, "not found");
        fix_stop(&f, look == 0 ? SIGTERM : SIGKILL);
    }
    f.args[0] = NULL;
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    fix_finish(&f);
}

TEST(a_look_at_a_run_that_was_left_harms_nothing)
{
    look_and_go_on(SIGTERM);
}

TEST(a_look_at_a_run_that_was_killed_harms_nothing)
{
    look_and_go_on(SIGKILL);
}

TEST(a_withheld_run_can_be_cancelled)
{
    char run[32];

    fix_init(&f);
    take_launcher_away();
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    fix_wait_state(&f, run, BIT__RUN_STATE__BLOCKED);
    Bit__CancelRequest m = BIT__CANCEL_REQUEST__INIT;
    m.run = run;
    m.request_id = bit_lend("cancel");
    bit_msg_free(fix_expect(&f, BIT_MSG_CANCEL_REQUEST, &m, BIT_MSG_DONE_REPLY));
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_CANCELLED);
    fix_finish(&f);
}

TEST_MAIN
