/* Removing runs: completely or not at all, whenever bitd is killed; never a run that trains or is needed by another. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/runs/runs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;

static Bit__RemoveRequest request(const char *run, const char *id)
{
    Bit__RemoveRequest m = BIT__REMOVE_REQUEST__INIT;

    m.run = bit_lend(run);
    m.request_id = bit_lend(id);
    return m;
}

static uint64_t remove_run(const char *run, const char *id)
{
    Bit__RemoveRequest m = request(run, id);
    Bit__RemovedReply *reply = fix_expect(&f, BIT_MSG_REMOVE_REQUEST, &m, BIT_MSG_REMOVED_REPLY);
    uint64_t bytes = reply != NULL ? reply->bytes : 0;

    if (reply != NULL)
        EXPECT_STREQ(reply->run, run);
    bit_msg_free(reply);
    return bytes;
}

static void expect_stays(const char *run, const char *why)
{
    Bit__RemoveRequest m = request(run, "stays");
    char text[1024];

    EXPECT_EQ(fix_refused(&f, BIT_MSG_REMOVE_REQUEST, &m, text, sizeof text), BIT_EXIT_FAILURE);
    EXPECT_CONTAINS(text, why);
}

static void expect_none(const char *run)
{
    Bit__StatusRequest m = BIT__STATUS_REQUEST__INIT;
    char text[1024];

    m.run = bit_lend(run);
    EXPECT_EQ(fix_refused(&f, BIT_MSG_STATUS_REQUEST, &m, text, sizeof text), BIT_EXIT_NOT_FOUND);
}

/* The number of entries of runs/NAME (of runs/ if it is empty) whose name begins with `begin`. */
static int count_in(const char *name, const char *begin)
{
    char path[512];
    int count = 0;

    snprintf(path, sizeof path, "%s/runs/%s", f.state, name);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.' && strncmp(entry->d_name, begin, strlen(begin)) == 0;
    if (dir != NULL)
        closedir(dir);
    return count;
}

static int count_folders(const char *begin)
{
    return count_in("", begin);
}

/* Of a removed run an empty folder stays, as the record of the request. */
static void expect_removed(const char *run, const char *id)
{
    char name[128];

    snprintf(name, sizeof name, "removed.%s.%s", run, id);
    EXPECT_EQ(count_folders(name), 1);
    EXPECT_EQ(count_in(name, ""), 0);
}

static bool start_with_ended(char run[32])
{
    fix_init(&f);
    if (!fix_start(&f))
        return false;
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    return true;
}

TEST(an_ended_run_goes_whole_and_its_number_with_it)
{
    char run[32], next[32];

    if (!start_with_ended(run))
        return;
    Bit__RemoveRequest look = request(run, "look");
    look.has_dry_run = look.dry_run = true;
    Bit__RemovedReply *would = fix_expect(&f, BIT_MSG_REMOVE_REQUEST, &look, BIT_MSG_REMOVED_REPLY);
    EXPECT_EQ(count_folders("r1"), 1);
    uint64_t freed = remove_run(run, "one");
    EXPECT(freed > 4096);
    if (would != NULL)
        EXPECT(would->bytes == freed && would->dry_run);
    bit_msg_free(would);
    EXPECT_EQ(count_folders("r1"), 0);
    expect_none(run);
    remove_run(run, "one"); /* the same request again succeeds */
    fix_submit(&f, NULL, next);
    EXPECT_STREQ(next, "r2");
    EXPECT_EQ(fix_wait_end(&f, next, NULL), 0);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    if (!fix_start(&f))
        return;
    expect_removed(run, "one");
    EXPECT_EQ(count_folders("r"), 2);
    remove_run(run, "one"); /* also of another bitd */
    fix_finish(&f);
}

TEST(what_trains_or_is_pinned_stays)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "3000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=100000", run);
    fix_wait_step(&f, run, 5);
    expect_stays(run, "r1 is training: `bitctl cancel r1` ends it first");
    Bit__CancelRequest cancel = BIT__CANCEL_REQUEST__INIT;
    cancel.run = run;
    cancel.request_id = bit_lend("cancel");
    Bit__DoneReply *done = fix_expect(&f, BIT_MSG_CANCEL_REQUEST, &cancel, BIT_MSG_DONE_REPLY);
    Bit__CheckpointPinRequest pin = BIT__CHECKPOINT_PIN_REQUEST__INIT;
    pin.run = run;
    pin.request_id = bit_lend("pin");
    pin.step = done != NULL ? done->step : 0;
    bit_msg_free(fix_expect(&f, BIT_MSG_CHECKPOINT_PIN_REQUEST, &pin, BIT_MSG_DONE_REPLY));
    expect_stays(run, "is pinned; --force");
    Bit__RemoveRequest forced = request(run, "forced");
    forced.has_force = forced.force = true;
    bit_msg_free(fix_expect(&f, BIT_MSG_REMOVE_REQUEST, &forced, BIT_MSG_REMOVED_REPLY));
    expect_none(run);
    bit_msg_free(done);
    fix_finish(&f);
}

/* bitd was killed after it had renamed the folder: the next bitd removes the rest and answers the repeated request. */
TEST(what_a_killed_bitd_had_begun_is_ended)
{
    char run[32], from[256], to[256];

    if (!start_with_ended(run))
        return;
    EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL);
    fix_path(&f, "r1", "", from, sizeof from);
    from[strlen(from) - 1] = '\0';
    EXPECT_EQ(rename(from, fix_path(&f, "removed.r1.before", "", to, sizeof to)), 0);
    EXPECT_EQ(unlink(fix_path(&f, "removed.r1.before", "spec.pb", from, sizeof from)), 0);
    if (!fix_start(&f))
        return;
    expect_none(run);
    remove_run("r1", "before");
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0); /* waits for the thread pool */
    expect_removed(run, "before");
    EXPECT_EQ(count_folders("r"), 1);
    fix_finish(&f);
}

/* bitd is killed right after the request, eight times: the run is either intact or gone. */
TEST(killed_at_any_time_it_leaves_no_half_run)
{
    char run[32];
    int gone = 0;

    fix_init(&f);
    if (!fix_start(&f))
        return;
    for (int i = 0; i < 8; i++) {
        char id[16];
        snprintf(id, sizeof id, "k%d", i);
        fix_submit(&f, NULL, run);
        EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
        Bit__RemoveRequest m = request(run, id);
        int fd = fix_connect(&f);
        EXPECT(fix_send(fd, BIT_MSG_REMOVE_REQUEST, &m));
        usleep((useconds_t)(i * 150));
        EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL);
        close(fd);
        if (!fix_start(&f))
            return;
        remove_run(run, id); /* as bitctl does; in either case it is gone then */
        expect_none(run);
        gone++;
    }
    EXPECT_EQ(gone, 8);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    expect_removed(run, "k7");
    EXPECT_EQ(count_folders("r"), 8);
    fix_finish(&f);
}

static void make_removed(int number)
{
    const struct timespec times[2] = {{.tv_sec = number}, {.tv_sec = number}};
    char name[64], path[256];

    snprintf(name, sizeof name, "removed.r%d.q%d", number, number);
    EXPECT_EQ(mkdir(fix_path(&f, name, "", path, sizeof path), 0700), 0);
    EXPECT_EQ(utimensat(AT_FDCWD, path, times, 0), 0);
}

TEST(the_newest_requests_are_remembered)
{
    char run[32];

    if (!start_with_ended(run))
        return;
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    for (int i = 2; i < 2 + BIT_RUNS_REMOVED_MAX + 1; i++)
        make_removed(i);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(count_folders("removed."), BIT_RUNS_REMOVED_MAX);
    EXPECT_EQ(count_folders("removed.r2."), 0);
    remove_run("r3", "q3");
    remove_run(run, "one");
    EXPECT_EQ(count_folders("removed."), BIT_RUNS_REMOVED_MAX);
    EXPECT_EQ(count_folders("removed.r3."), 0);
    expect_removed(run, "one");
    fix_finish(&f);
}

/* A client reads the run's events while it is removed: the stream ends with an answer, and bitd continues. */
TEST(who_reads_it_is_told)
{
    char run[32];
    Bit__EventsRequest m = BIT__EVENTS_REQUEST__INIT;
    void *reply;
    uint16_t type = BIT_MSG_EVENT_REPLY;

    if (!start_with_ended(run))
        return;
    m.run = run;
    m.has_steps = m.steps = true;
    int fd = fix_connect(&f);
    EXPECT(fix_send(fd, BIT_MSG_EVENTS_REQUEST, &m));
    remove_run(run, "read");
    while (type == BIT_MSG_EVENT_REPLY) {
        type = fix_receive(fd, &reply);
        bit_msg_free(reply);
    }
    EXPECT(type == BIT_MSG_END_REPLY || type == BIT_MSG_ERROR_REPLY);
    close(fd);
    fix_finish(&f);
}

TEST_MAIN
