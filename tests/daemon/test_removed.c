/* A folder is removed while bitd runs: the run is blocked with the reason, requests are refused, and bitd can still be
 * stopped. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

#define LONG "schedule.steps=100000\ncheckpoint.every=50000"

static struct fix f;

/* Start bitd with its socket outside the state folder, and a run. bitd waits up to an hour for last checkpoints. */
static bool begin(const char *more, const char *no_disk, char run[32])
{
    fix_init(&f);
    setenv("FAKE_NO_DISK", no_disk, 1);
    snprintf(f.socket, sizeof f.socket, "%s/bitd.sock", f.dir);
    setenv("FAKE_STEP_US", "5000", 1);
    f.args[0] = "--set";
    f.args[1] = "shutdown_timeout=3600";
    if (!fix_start(&f))
        return false;
    fix_submit(&f, more, run);
    fix_wait_step(&f, run, 3);
    return true;
}

static void remove_all(const char *path)
{
    char command[256];

    snprintf(command, sizeof command, "rm -rf '%s'", path);
    EXPECT_EQ(system(command), 0);
}

static void expect_refused(uint16_t type, const void *msg)
{
    char text[1024];

    EXPECT(fix_refused(&f, type, msg, text, sizeof text) > 0);
    EXPECT_CONTAINS(text, "removed");
}

/* Requests are refused at once, not only after bitd's next check, made every second. */
static void expect_nothing_is_promised(char *run)
{
    Bit__PauseRequest pause = BIT__PAUSE_REQUEST__INIT;

    pause.run = run;
    pause.request_id = bit_lend("pause");
    expect_refused(BIT_MSG_PAUSE_REQUEST, &pause);
    Bit__CheckpointRequest checkpoint = BIT__CHECKPOINT_REQUEST__INIT;
    checkpoint.run = run;
    checkpoint.request_id = bit_lend("checkpoint");
    expect_refused(BIT_MSG_CHECKPOINT_REQUEST, &checkpoint);
}

static void expect_blocked(const char *run)
{
    fix_wait_state(&f, run, BIT__RUN_STATE__BLOCKED);
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL)
        EXPECT_CONTAINS(status->reason, "removed");
    bit_msg_free(status);
}

TEST(a_state_folder_that_was_removed_blocks_the_run)
{
    char run[32], text[1024];

    if (!begin(LONG, "0", run))
        return;
    remove_all(f.state);
    expect_nothing_is_promised(run);
    expect_blocked(run);
    EXPECT(fix_submit_refused(&f, NULL, text, sizeof text) > 0);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    fix_finish(&f);
}

/* Without any request: bitd's check, made every second, finds it. */
TEST(a_runs_folder_that_was_removed_blocks_it_and_no_other)
{
    char run[32], other[32], path[256];

    if (!begin(LONG, "0", run))
        return;
    remove_all(fix_path(&f, run, "", path, sizeof path));
    expect_blocked(run);
    fix_submit(&f, NULL, other);
    EXPECT_STREQ(other, "r2");
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    fix_finish(&f);
}

TEST(told_to_stop_at_once_it_does)
{
    char run[32];

    if (!begin(LONG, "1000000", run)) /* every last checkpoint fails, and bitd would retry for an hour */
        return;
    remove_all(f.state);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    fix_finish(&f);
}

/* The folder is moved away and back: the run continues to the same weights. */
TEST(a_folder_that_comes_back_is_gone_on_with)
{
    uint64_t digest = 0, undisturbed = fix_undisturbed(NULL);
    char run[32], path[256], away[256];

    if (!begin(NULL, "0", run))
        return;
    snprintf(away, sizeof away, "%s/away", f.dir);
    fix_path(&f, run, "", path, sizeof path);
    path[strlen(path) - 1] = '\0';
    EXPECT_EQ(rename(path, away), 0);
    expect_nothing_is_promised(run);
    expect_blocked(run);
    EXPECT_EQ(rename(away, path), 0);
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    fix_finish(&f);
}

TEST_MAIN
