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

/* ---------------------------------------------------------------- the same file, with another change time */

/* A run that both ended in the middle of: bitd is away, and so is the worker. */
static bool cut_off(char run[32])
{
    pid_t pids[8];
    fix_init(&f);
    setenv("FAKE_HANG_AT", "6", 1);
    if (!fix_start(&f))
        return false;
    fix_submit(&f, NULL, run);
    fix_wait_step(&f, run, 6);
    EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL);
    for (int i = fix_workers(&f, run, pids, 8); i-- > 0;)
        kill(pids[i], SIGKILL);
    unsetenv("FAKE_HANG_AT");
    return true;
}

static bool log_has(const char *words)
{
    static char log[1 << 20];
    FILE *file = fopen(f.log, "r");
    size_t bytes = file == NULL ? 0 : fread(log, 1, sizeof log - 1, file);

    if (file != NULL)
        fclose(file);
    log[bytes] = '\0';
    return strstr(log, words) != NULL;
}

TEST(a_file_that_was_given_other_rights_is_trained_on_and_told)
{
    uint64_t digest = 0, undisturbed = fix_undisturbed(NULL);
    char run[32];

    if (!cut_off(run))
        return;
    EXPECT(!log_has("token file touched"));
    EXPECT_EQ(chmod(f.tokens, 0440), 0);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    EXPECT(log_has("token file touched"));
    fix_finish(&f);
}

/* data.pb as a bitd left it that kept no change times. */
static void age_facts(const char *run)
{
    uint8_t buf[4096];
    char path[256];
    int fd = open(fix_path(&f, run, "data.pb", path, sizeof path), O_RDWR | O_CLOEXEC);
    ssize_t n = read(fd, buf, sizeof buf);
    Bit__DataFacts *facts = bit__data_facts__unpack(NULL, (size_t)n, buf);
    if (EXPECT(facts != NULL)) {
        EXPECT_EQ(facts->n_ctime_ns, 1);
        facts->n_ctime_ns = 0;
        size_t bytes = bit__data_facts__pack(facts, buf);
        EXPECT_EQ(pwrite(fd, buf, bytes, 0), (ssize_t)bytes);
        EXPECT_EQ(ftruncate(fd, (off_t)bytes), 0);
        bit__data_facts__free_unpacked(facts, NULL);
    }
    close(fd);
}

TEST(facts_of_an_earlier_version_are_gone_on_with)
{
    uint64_t digest = 0, undisturbed = fix_undisturbed(NULL);
    char run[32];
    if (!cut_off(run))
        return;
    age_facts(run);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    fix_finish(&f);
}

TEST_MAIN
