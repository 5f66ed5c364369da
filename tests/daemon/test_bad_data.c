/* Token files that are not what they were said to be: at submission where it can be known, else in the run, with file
 * and byte. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;
static char text[4096];

static int refused_with(const char *train)
{
    char more[256];
    snprintf(more, sizeof more, "data.train=%s", train);
    return fix_submit_refused(&f, more, text, sizeof text);
}

TEST(refused_at_submission)
{
    char path[128];
    fix_init(&f);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(refused_with("/nowhere/a.npy"), BIT_EXIT_CORRUPT);
    EXPECT_CONTAINS(text, "/nowhere/a.npy");
    EXPECT_EQ(refused_with(f.dir), BIT_EXIT_CORRUPT);
    snprintf(path, sizeof path, "%s/empty.npy", f.dir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    EXPECT_EQ(refused_with(path), BIT_EXIT_CORRUPT);
    EXPECT_EQ(write(fd, "odd", 3), 3);
    EXPECT_EQ(refused_with(path), BIT_EXIT_CORRUPT);
    EXPECT_CONTAINS(text, "empty.npy");
    EXPECT_EQ(ftruncate(fd, 16 * 2 * 3 + 30), 0); /* three instances and a rest; a batch is four */
    EXPECT_EQ(refused_with(path), BIT_EXIT_CORRUPT);
    EXPECT_CONTAINS(text, "3 instances");
    EXPECT_CONTAINS(text, "one batch needs 4");
    close(fd);
    fix_finish(&f);
}

TEST(an_id_beyond_the_vocabulary_names_its_byte)
{
    char run[32], at[64];
    const uint16_t bad = 500;
    fix_init(&f);
    int fd = open(f.tokens, O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(pwrite(fd, &bad, 2, 1234), 2);
    close(fd);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=64", run); /* one epoch: every instance is met */
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_CORRUPT);
    Bit__RunStatus *status = fix_status(&f, run);
    snprintf(at, sizeof at, "token id 500 at byte 1234");
    if (status != NULL) {
        EXPECT_EQ(status->state, BIT__RUN_STATE__FAILED);
        EXPECT_CONTAINS(status->reason, f.tokens);
        EXPECT_CONTAINS(status->reason, at);
    }
    bit_msg_free(status);
    fix_finish(&f);
}

TEST(a_file_truncated_under_the_run_fails_it)
{
    char run[32];
    pid_t pids[8];
    fix_init(&f);
    setenv("FAKE_STEP_US", "5000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=64", run);
    fix_wait_step(&f, run, 3);
    EXPECT_EQ(truncate(f.tokens, 1000), 0);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_CORRUPT);
    EXPECT_EQ(fix_workers(&f, run, pids, 8), 0);
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL) {
        EXPECT_CONTAINS(status->reason, f.tokens);
        EXPECT_CONTAINS(status->reason, "1000");
    }
    bit_msg_free(status);
    fix_finish(&f);
}

TEST_MAIN
