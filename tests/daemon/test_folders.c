/*
 * Copies of a run's folder, incomplete folders that a killed bitd left, and folders whose names only resemble a run's.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;

static void copy_run(const char *from, const char *to)
{
    char command[256];

    snprintf(command, sizeof command, "cp -a '%s/runs/%s' '%s/runs/%s'", f.state, from, f.state, to);
    EXPECT_EQ(system(command), 0);
}

static void make_folder(const char *run, const char *below)
{
    char path[256];

    EXPECT_EQ(mkdir(fix_path(&f, run, below, path, sizeof path), 0700), 0);
}

static void make_file(const char *run, const char *name, const char *text)
{
    char path[256];

    test_write_text(fix_path(&f, run, name, path, sizeof path), text);
}

static bool is_there(const char *run)
{
    char path[256];

    return access(fix_path(&f, run, "", path, sizeof path), F_OK) == 0;
}

/* The number of lines in bitd's log that contain all three texts. */
static int count_lines(const char *a, const char *b, const char *c)
{
    char line[1024];
    int count = 0;
    FILE *file = fopen(f.log, "re");

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        count += strstr(line, a) != NULL && strstr(line, b) != NULL && strstr(line, c) != NULL;
    if (file != NULL)
        fclose(file);
    return count;
}

/* Kill bitd and the workers in the middle of a run, copy the run's folder, start bitd again. */
static bool start_with_a_copy(const char *copy)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "3000", 1);
    if (!fix_start(&f))
        return false;
    fix_submit(&f, NULL, run);
    fix_wait_step(&f, run, 6);
    EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL);
    pid_t pids[16];
    for (int i = fix_workers(&f, run, pids, 16); i-- > 0;)
        kill(pids[i], SIGKILL);
    copy_run("r1", copy);
    return fix_start(&f);
}

static void expect_trained_by_one(uint64_t undisturbed)
{
    uint64_t digest = 0;
    struct fix_events e;

    EXPECT_EQ(fix_wait_end(&f, "r1", &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    fix_events(&f, "r1", &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_LAUNCHED), 2);
    fix_events_free(&e);
}

TEST(a_copy_under_another_spelling_of_the_number_is_no_run)
{
    uint64_t undisturbed = fix_undisturbed(NULL);

    if (!start_with_a_copy("r01"))
        return;
    expect_trained_by_one(undisturbed);
    EXPECT_EQ(count_lines("not a run", "r01", ""), 1);
    EXPECT(is_there("r01")); /* a user's copy: not touched */
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    if (!fix_start(&f)) /* loads r1's journal, which only one run wrote */
        return;
    Bit__RunStatus *status = fix_status(&f, "r1");
    if (status != NULL)
        EXPECT_EQ(status->state, BIT__RUN_STATE__COMPLETED);
    bit_msg_free(status);
    fix_finish(&f);
}

TEST(a_copy_under_another_number_is_refused_with_its_reason)
{
    uint64_t undisturbed = fix_undisturbed(NULL);
    char run[32];

    if (!start_with_a_copy("r2"))
        return;
    expect_trained_by_one(undisturbed);
    Bit__RunStatus *status = fix_status(&f, "r2");
    if (status != NULL) {
        EXPECT_EQ(status->state, BIT__RUN_STATE__FAILED);
        EXPECT_EQ(status->exit_code, BIT_EXIT_CORRUPT);
        EXPECT_CONTAINS(status->reason, "journal of r1");
    }
    bit_msg_free(status);
    fix_submit(&f, NULL, run);
    EXPECT_STREQ(run, "r3");
    fix_finish(&f);
}

TEST(what_a_killed_submission_left_is_removed_and_said_once)
{
    fix_init(&f);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    make_folder("r3", "");
    make_folder("r4", "");
    make_folder("r4", "checkpoints");
    make_folder("r4", "logs");
    make_file("r4", "spec.pb.new", "half");
    if (!fix_start(&f))
        return;
    EXPECT(!is_there("r3"));
    EXPECT(!is_there("r4"));
    EXPECT_EQ(count_lines("half-made run removed", "run=r3", ""), 1);
    EXPECT_EQ(count_lines("half-made run removed", "run=r4", ""), 1);
    EXPECT_EQ(count_lines("error", "not loaded", ""), 0);
    fix_finish(&f);
}

/* spec.pb is lost, but the run was launched or its submission answered: bitd lists it as damaged and keeps it. */
TEST(a_run_that_was_launched_is_never_removed)
{
    char run[32], path[256];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    EXPECT_EQ(unlink(fix_path(&f, run, "spec.pb", path, sizeof path)), 0);
    copy_run("r1", "r2"); /* without spec.pb and journal, with logs */
    EXPECT_EQ(truncate(fix_path(&f, "r2", "journal", path, sizeof path), 0), 0);
    copy_run("r2", "r3"); /* without spec.pb, journal and worker log, with checkpoints */
    EXPECT_EQ(unlink(fix_path(&f, "r3", "journal", path, sizeof path)), 0);
    EXPECT_EQ(unlink(fix_path(&f, "r3", "logs/worker-1.log", path, sizeof path)), 0);
    if (!fix_start(&f))
        return;
    for (int i = 1; i <= 3; i++) {
        char name[8];
        snprintf(name, sizeof name, "r%d", i);
        EXPECT(is_there(name));
        EXPECT_EQ(count_lines("specification damaged", name, "spec.pb"), 1);
    }
    fix_finish(&f);
}

TEST(a_file_or_a_strange_name_among_the_runs_is_left_alone)
{
    static const char *const strange[] = {"r", "r+5", "r 5", "r-5", "r0", "r00", "r7x", "r18446744073709551617"};

    fix_init(&f);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        make_folder(strange[i], "");
    make_file("..", "runs/r9", "a file");
    if (!fix_start(&f))
        return;
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        EXPECT(is_there(strange[i]));
    EXPECT_EQ(count_lines("half-made", "", ""), 0);
    fix_finish(&f);
}

static void remove_run(const char *run)
{
    char command[256];

    snprintf(command, sizeof command, "rm -r '%s/runs/%s'", f.state, run);
    EXPECT_EQ(system(command), 0);
}

static void expect_next(const char *expected)
{
    char run[32];

    fix_submit(&f, NULL, run);
    EXPECT_STREQ(run, expected);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
}

/* Folders are removed by hand: while bitd runs, after it was killed, after it was stopped. */
TEST(a_number_is_never_given_twice)
{
    fix_init(&f);
    if (!fix_start(&f))
        return;
    expect_next("r1");
    remove_run("r1");
    expect_next("r2");
    EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL);
    remove_run("r2");
    if (!fix_start(&f))
        return;
    expect_next("r3");
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    remove_run("r3");
    if (!fix_start(&f))
        return;
    expect_next("r4");
    fix_finish(&f);
}

TEST(the_state_folder_of_an_older_bitd_gives_the_next_number)
{
    fix_init(&f);
    if (!fix_start(&f))
        return;
    expect_next("r1");
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    char path[256];
    snprintf(path, sizeof path, "%s/last_run", f.state);
    EXPECT_EQ(unlink(path), 0);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(access(path, F_OK), 0);
    remove_run("r1");
    expect_next("r2");
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    make_file("..", "last_run", "x"); /* overwrites the number */
    EXPECT_EQ(fix_start_refused(&f), BIT_EXIT_CORRUPT);
    EXPECT_EQ(count_lines("last_run", "must hold a number", ""), 1);
    fix_finish(&f);
}

TEST_MAIN
