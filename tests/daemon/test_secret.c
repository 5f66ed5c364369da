/* The secret of a launch in bitd's memory: one copy, wiped after the launch, and in no core file. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/limits.h"
#include "tests/daemon/fixture.h"
#include "tests/sanitizer.h"

#define LOOKS 500

static struct fix f;
static char run[32];
static uint8_t secret[BIT_SECRET_BYTES];

/* Start a long run, wait for step 3, so that the worker has connected, and read the secret from its file. */
static bool begin(const char *link)
{
    char path[256];

    fix_init(&f);
    setenv("FAKE_STEP_US", "20000", 1);
    f.args[0] = "--set";
    f.args[1] = link;
    f.args[2] = "--set";
    f.args[3] = "listen=127.0.0.1:0";
    if (!fix_start(&f))
        return false;
    fix_submit(&f, "schedule.steps=100000\ncheckpoint.every=50000", run);
    fix_wait_step(&f, run, 3);
    int fd = open(fix_path(&f, run, "secret", path, sizeof path), O_RDONLY | O_CLOEXEC);
    EXPECT(fd >= 0 && read(fd, secret, sizeof secret) == sizeof secret);
    close(fd);
    return true;
}

static int count_in(int memory, uint64_t from, uint64_t to)
{
    size_t bytes = (size_t)(to - from);
    uint8_t *buf = malloc(bytes);
    ssize_t n = buf == NULL ? -1 : pread(memory, buf, bytes, (off_t)from);
    int count = 0;

    for (uint8_t *at = buf; n > 0 && (at = memmem(at, (size_t)(buf + n - at), secret, sizeof secret)) != NULL; at++)
        count++;
    free(buf);
    return count;
}

/* The number of copies in bitd's writable memory; -1 if it may not be read. */
static int count_copies(void)
{
    char path[64], line[512];
    int count = 0;

    snprintf(path, sizeof path, "/proc/%d/mem", f.bitd);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/maps", f.bitd);
    FILE *maps = memory < 0 ? NULL : fopen(path, "re");
    if (maps == NULL)
        return -1;
    while (fgets(line, sizeof line, maps) != NULL) {
        uint64_t from, to;
        char rights[8];
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, rights) == 3 && rights[1] == 'w')
            count += count_in(memory, from, to);
    }
    fclose(maps);
    close(memory);
    return count;
}

static void cancel(void)
{
    Bit__CancelRequest m = BIT__CANCEL_REQUEST__INIT;

    m.run = run;
    m.request_id = bit_lend("cancel");
    bit_msg_free(fix_expect(&f, BIT_MSG_CANCEL_REQUEST, &m, BIT_MSG_DONE_REPLY));
}

static void expect_one_and_then_none(const char *link)
{
    char path[256];

    if (TEST_SANITIZED)
        SKIP("a sanitizer's own mappings are terabytes to read through");
    if (!begin(link))
        return;
    int count = count_copies();
    if (count < 0) {
        fix_finish(&f);
        SKIP("bitd's memory is root's to read");
    }
    EXPECT_EQ(count, 1);
    cancel();
    for (int i = 0; i < LOOKS && (count = count_copies()) > 0; i++) /* the copy may be wiped after the answer */
        bit_msg_free(fix_status(&f, run));
    EXPECT_EQ(count, 0);
    EXPECT_EQ(access(fix_path(&f, run, "secret", path, sizeof path), F_OK), -1); /* removed from disk, too */
    fix_finish(&f);
}

TEST(there_is_one_copy_and_none_when_the_run_has_ended)
{
    expect_one_and_then_none("link=unix");
}

TEST(over_tcp_too)
{
    expect_one_and_then_none("link=tcp");
}

TEST(neither_bitd_nor_what_it_starts_dumps_a_core)
{
    struct rlimit limit;
    pid_t pids[16];

    if (!begin("link=unix"))
        return;
    EXPECT_EQ(prlimit(f.bitd, RLIMIT_CORE, NULL, &limit), 0);
    EXPECT_EQ(limit.rlim_cur, 0);
    EXPECT_EQ(limit.rlim_max, 0);
    int count = fix_workers(&f, run, pids, 16);
    EXPECT(count > 0);
    for (int i = 0; i < count; i++) {
        EXPECT_EQ(prlimit(pids[i], RLIMIT_CORE, NULL, &limit), 0);
        EXPECT_EQ(limit.rlim_max, 0);
    }
    fix_finish(&f);
}

/* The kernel pipes cores to a core_pattern program whatever the limit is. */
TEST(bitd_dumps_none_where_the_limit_does_not_count)
{
    const struct rlimit any = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    int status = 0;

    if (TEST_SANITIZED)
        SKIP("a sanitizer takes the signal itself");
    if (!begin("link=unix"))
        return;
    if (prlimit(f.bitd, RLIMIT_CORE, &any, NULL) < 0) {
        fix_finish(&f);
        SKIP("the limit is root's to raise");
    }
    kill(f.bitd, SIGSEGV);
    EXPECT_EQ(waitpid(f.bitd, &status, 0), f.bitd);
    f.bitd = 0;
    EXPECT(WIFSIGNALED(status) && !WCOREDUMP(status));
    fix_finish(&f);
}

TEST_MAIN
