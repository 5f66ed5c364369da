/*
 * What many runs cost bitd: a run without a job holds no descriptor, so RLIMIT_NOFILE does not bound their number. The
 * setting runs_per_user bounds a user's runs that have not ended.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

#define FEW   64 /* RLIMIT_NOFILE */
#define RUNS  80
#define LOOKS 20000

static struct fix f;

/* The number of bitd's open files below runs/; -1 if /proc/PID/fd cannot be read, as only root may. */
static int count_files(void)
{
    char folder[64], path[128], target[512];
    int count = 0;

    snprintf(folder, sizeof folder, "/proc/%d/fd", f.bitd);
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return -1;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        snprintf(path, sizeof path, "%s/%.20s", folder, entry->d_name);
        ssize_t n = readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        count += strstr(target, "/state/runs/") != NULL;
    }
    closedir(dir);
    return count;
}

/* bitd may close a run's last file after it answers that the run has ended, so this asks until it has. */
static void expect_no_files(void)
{
    int files = count_files();

    for (int i = 0; i < LOOKS && files > 0; i++) {
        bit_msg_free(fix_status(&f, "r1"));
        files = count_files();
    }
    EXPECT_EQ(files, 0);
}

static Bit__SubmitReply *submit_paused(const char *id, uint16_t *got, void **reply)
{
    Bit__SubmitRequest m = BIT__SUBMIT_REQUEST__INIT;

    m.spec = fix_spec(&f, NULL);
    m.request_id = bit_lend(id);
    m.has_paused = m.paused = true;
    *got = fix_ask(&f, BIT_MSG_SUBMIT_REQUEST, &m, reply);
    bit_msg_free(m.spec);
    return *got == BIT_MSG_SUBMIT_REPLY ? *reply : NULL;
}

static void submit_many_paused(int count)
{
    for (int i = 0; i < count; i++) {
        char id[32];
        uint16_t got;
        void *reply;
        snprintf(id, sizeof id, "paused-%d", i);
        EXPECT(submit_paused(id, &got, &reply) != NULL);
        bit_msg_free(reply);
    }
}

static void expect_paused_refused(const char *id, const char *why)
{
    uint16_t got;
    void *reply;

    submit_paused(id, &got, &reply);
    if (EXPECT_EQ(got, BIT_MSG_ERROR_REPLY)) {
        const Bit__ErrorReply *m = reply;
        EXPECT_CONTAINS(m->text, why);
        EXPECT_EQ(m->exit_code, BIT_EXIT_TRYAGAIN);
    }
    bit_msg_free(reply);
}

static void cancel(const char *run)
{
    Bit__CancelRequest m = BIT__CANCEL_REQUEST__INIT;

    m.run = bit_lend(run);
    m.request_id = bit_lend("cancel");
    bit_msg_free(fix_expect(&f, BIT_MSG_CANCEL_REQUEST, &m, BIT_MSG_DONE_REPLY));
}

TEST(ended_runs_hold_no_descriptor)
{
    char run[32];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    if (count_files() < 0) {
        fix_finish(&f);
        SKIP("who is not root does not see bitd's descriptors");
    }
    for (int i = 0; i < 3; i++) {
        fix_submit(&f, NULL, run);
        EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    }
    expect_no_files();
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    if (!fix_start(&f)) /* the same after a restart */
        return;
    expect_no_files();
    fix_finish(&f);
}

TEST(paused_runs_hold_none_and_go_on)
{
    uint64_t digest = 0, undisturbed = fix_undisturbed(NULL);
    char run[32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "3000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    fix_wait_step(&f, run, 6);
    Bit__PauseRequest pause = BIT__PAUSE_REQUEST__INIT;
    pause.run = run;
    pause.request_id = bit_lend("pause");
    bit_msg_free(fix_expect(&f, BIT_MSG_PAUSE_REQUEST, &pause, BIT_MSG_DONE_REPLY));
    fix_wait_state(&f, run, BIT__RUN_STATE__PAUSED);
    if (count_files() >= 0)
        expect_no_files();
    Bit__ResumeRequest resume = BIT__RESUME_REQUEST__INIT;
    resume.run = run;
    resume.request_id = bit_lend("resume");
    bit_msg_free(fix_expect(&f, BIT_MSG_RESUME_REQUEST, &resume, BIT_MSG_DONE_REPLY));
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    fix_finish(&f);
}

TEST(a_user_has_so_many_runs_that_have_not_ended)
{
    uint16_t got;
    void *reply;

    fix_init(&f);
    f.args[0] = "--set";
    f.args[1] = "runs_per_user=2";
    if (!fix_start(&f))
        return;
    submit_many_paused(2);
    expect_paused_refused("third", "runs_per_user");
    EXPECT(submit_paused("paused-1", &got, &reply) != NULL); /* a repeated request: answered without another run */
    bit_msg_free(reply);
    cancel("r1");
    EXPECT(submit_paused("third", &got, &reply) != NULL);
    bit_msg_free(reply);
    expect_paused_refused("fourth", "runs_per_user");
    fix_finish(&f);
}

TEST(a_descriptor_that_is_not_to_be_had_is_an_answer_that_names_the_limit)
{
    struct rlimit before, none;
    char text[512];
    void *reply;

    fix_init(&f);
    if (!fix_start(&f))
        return;
    submit_many_paused(1);
    int fd = fix_connect(&f);
    bit_msg_free(fix_status(&f, "r1")); /* its answer means that bitd has accepted fd */
    EXPECT_EQ(prlimit(f.bitd, RLIMIT_NOFILE, NULL, &before), 0);
    none = (struct rlimit){.rlim_cur = 4, .rlim_max = before.rlim_max};
    EXPECT_EQ(prlimit(f.bitd, RLIMIT_NOFILE, &none, NULL), 0);
    Bit__CancelRequest m = BIT__CANCEL_REQUEST__INIT;
    m.run = bit_lend("r1");
    m.request_id = bit_lend("cancel-1");
    EXPECT(fix_send(fd, BIT_MSG_CANCEL_REQUEST, &m));
    uint16_t got = fix_receive(fd, &reply);
    if (EXPECT_EQ(got, BIT_MSG_ERROR_REPLY)) {
        snprintf(text, sizeof text, "%s", ((const Bit__ErrorReply *)reply)->text);
        EXPECT_CONTAINS(text, "RLIMIT_NOFILE is 4");
    }
    bit_msg_free(reply);
    close(fd);
    EXPECT_EQ(prlimit(f.bitd, RLIMIT_NOFILE, &before, NULL), 0);
    Bit__RunStatus *status = fix_status(&f, "r1"); /* the run is unchanged */
    if (status != NULL)
        EXPECT_EQ(status->state, BIT__RUN_STATE__PAUSED);
    bit_msg_free(status);
    cancel("r1");
    fix_finish(&f);
}

/* The last test: only root could raise the limit again. */
TEST(more_runs_than_descriptors)
{
    const struct rlimit few = {.rlim_cur = FEW, .rlim_max = FEW};
    char run[32], last[32];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    submit_many_paused(RUNS);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    if (!fix_start(&f))
        return;
    snprintf(last, sizeof last, "r%d", RUNS);
    for (int i = 0; i < 2; i++) {
        Bit__RunStatus *status = fix_status(&f, i == 0 ? "r1" : last);
        if (status != NULL)
            EXPECT_EQ(status->state, BIT__RUN_STATE__PAUSED);
        bit_msg_free(status);
    }
    cancel("r1");
    cancel(last);
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_finish(&f);
}

TEST_MAIN
