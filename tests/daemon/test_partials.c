/*
 * When a run's end is reported, no incomplete checkpoint is left: before the end is journalled, a launch's .partial
 * folder is removed, or, if it is complete, renamed and journalled. Another run's folder never gets such a name.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "tests/daemon/fixture.h"

#define OTHER "0123456789abcdef0123456789abcdef"

static struct fix f;
static const char once[] = "launch.max_restarts=0"; /* the run fails at the first loss */

/* A run whose worker hangs after step 13; the last checkpoint is that of step 12. */
static bool begin(char run[32], const char *more)
{
    fix_init(&f);
    setenv("FAKE_HANG_AT", "13", 1);
    if (!fix_start(&f))
        return false;
    fix_submit(&f, more, run);
    fix_wait_step(&f, run, 13);
    unsetenv("FAKE_HANG_AT");
    return true;
}

static void kill_workers(const char *run)
{
    pid_t pids[16];

    for (int i = fix_workers(&f, run, pids, 16); i-- > 0;)
        kill(pids[i], SIGKILL);
}

/* An incomplete checkpoint: a folder, a file, no manifest. */
static void write_half(const char *run, const char *name)
{
    char below[96], path[256];

    snprintf(below, sizeof below, "checkpoints/%s", name);
    EXPECT_EQ(mkdir(fix_path(&f, run, below, path, sizeof path), 0700), 0);
    snprintf(below, sizeof below, "checkpoints/%s/model.safetensors", name);
    int fd = open(fix_path(&f, run, below, path, sizeof path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    EXPECT_EQ(write(fd, "half", 4), 4);
    close(fd);
}

/* A complete checkpoint that was not reported: a copy of step 12's, as step 13's of launch 1. */
static void write_whole(const char *run, const char *identity)
{
    char from[256], path[256], command[600];
    Bit__Manifest *m = NULL;

    snprintf(command, sizeof command, "cp -a '%s' '%s'",
             fix_path(&f, run, "checkpoints/step-00000012", from, sizeof from),
             fix_path(&f, run, "checkpoints/step-00000013.partial-1", path, sizeof path));
    EXPECT_EQ(system(command), 0);
    if (!EXPECT_EQ(bit_manifest_read(path, &m), 0))
        return;
    m->step = 13;
    if (identity != NULL) {
        free(m->identity);
        m->identity = strdup(identity);
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    EXPECT_EQ(bit_manifest_write(fd, m), 0);
    close(fd);
    bit_msg_free(m);
}

static bool is_there(const char *run, const char *name)
{
    char below[96], path[256];

    snprintf(below, sizeof below, "checkpoints/%s", name);
    return access(fix_path(&f, run, below, path, sizeof path), F_OK) == 0;
}

TEST(a_run_that_fails_leaves_no_half)
{
    char run[32];

    if (!begin(run, once))
        return;
    write_half(run, "step-00000013.partial-1");
    write_half(run, "step-00000004.partial-removed"); /* not yet deleted by the thread pool */
    kill_workers(run);
    EXPECT(fix_wait_end(&f, run, NULL) != 0);
    EXPECT(!is_there(run, "step-00000013.partial-1"));
    EXPECT(!is_there(run, "step-00000004.partial-removed"));
    EXPECT(is_there(run, "step-00000012"));
    fix_finish(&f);
}

TEST(a_run_that_is_cancelled_leaves_no_half)
{
    char run[32];
    Bit__CancelRequest cancel = BIT__CANCEL_REQUEST__INIT;

    if (!begin(run, NULL))
        return;
    write_half(run, "step-00000013.partial-1");
    cancel.run = run;
    cancel.request_id = bit_lend("cancelled");
    cancel.has_now = cancel.now = true;
    bit_msg_free(fix_expect(&f, BIT_MSG_CANCEL_REQUEST, &cancel, BIT_MSG_DONE_REPLY));
    EXPECT(!is_there(run, "step-00000013.partial-1"));
    fix_finish(&f);
}

/* A run that ended before bitd was killed is not launched again, so the next bitd must clear its folder itself. */
TEST(a_bitd_that_comes_back_clears_an_ended_run)
{
    char run[32];

    if (!begin(run, once))
        return;
    kill_workers(run);
    EXPECT(fix_wait_end(&f, run, NULL) != 0);
    EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL);
    write_half(run, "step-00000013.partial-1");
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    EXPECT(!is_there(run, "step-00000013.partial-1"));
    fix_finish(&f);
}

/* A complete checkpoint is kept, even if the run fails. */
TEST(a_whole_one_is_named_and_journalled)
{
    char run[32];
    struct fix_events e;

    if (!begin(run, once))
        return;
    write_whole(run, NULL);
    kill_workers(run);
    EXPECT(fix_wait_end(&f, run, NULL) != 0);
    EXPECT(is_there(run, "step-00000013") && !is_there(run, "step-00000013.partial-1"));
    fix_events(&f, run, &e);
    const Bit__JournalRecord *r = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_CHECKPOINT);
    if (EXPECT(r != NULL)) {
        EXPECT_STREQ(r->checkpoint->name, "step-00000013");
        EXPECT_EQ(r->checkpoint->after_step, 13);
        EXPECT(r->checkpoint->has_weights_digest);
    }
    fix_events_free(&e);
    fix_finish(&f);
}

/* bitd checks the identity before it renames the folder, so that it replaces no checkpoint of this run. */
TEST(another_runs_gets_no_name)
{
    char run[32];
    struct fix_events e;

    if (!begin(run, once))
        return;
    write_whole(run, OTHER);
    kill_workers(run);
    EXPECT(fix_wait_end(&f, run, NULL) != 0);
    EXPECT(!is_there(run, "step-00000013") && !is_there(run, "step-00000013.partial-1"));
    EXPECT(is_there(run, "step-00000013.bad"));
    fix_events(&f, run, &e);
    const Bit__JournalRecord *r = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_BAD);
    if (EXPECT(r != NULL)) {
        EXPECT_STREQ(r->bad->name, "step-00000013.partial-1");
        EXPECT_CONTAINS(r->bad->text, "identity");
    }
    fix_events_free(&e);
    fix_finish(&f);
}

/* The same before a launch: the run continues from its own checkpoint. */
TEST(another_runs_gets_no_name_before_a_launch)
{
    char run[32];
    uint64_t digest = 0;
    struct fix_events e;

    if (!begin(run, NULL))
        return;
    EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL);
    kill_workers(run);
    write_whole(run, OTHER);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, fix_undisturbed(NULL));
    fix_events(&f, run, &e);
    const Bit__JournalRecord *bad = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_BAD);
    if (EXPECT(bad != NULL))
        EXPECT_STREQ(bad->bad->name, "step-00000013.partial-1");
    EXPECT_STREQ(fix_last(&e, BIT__JOURNAL_RECORD__WHAT_LAUNCHED)->launched->restore, "step-00000012");
    fix_events_free(&e);
    fix_finish(&f);
}

TEST_MAIN
