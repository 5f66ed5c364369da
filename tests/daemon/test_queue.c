/* One run at a time, first come first served; names, lists, waits. */
#include <signal.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;

static void cancel(const char *run, bool now)
{
    Bit__CancelRequest m = BIT__CANCEL_REQUEST__INIT;
    char id[64];

    snprintf(id, sizeof id, "cancel-%s", run);
    m.run = bit_lend(run);
    m.request_id = id;
    m.has_now = m.now = now;
    bit_msg_free(fix_expect(&f, BIT_MSG_CANCEL_REQUEST, &m, BIT_MSG_DONE_REPLY));
}

TEST(one_after_the_other)
{
    char run[3][32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "5000", 1);
    if (!fix_start(&f))
        return;
    for (int i = 0; i < 3; i++)
        fix_submit(&f, i == 2 ? "name=third" : NULL, run[i]);
    Bit__RunStatus *status = fix_status(&f, "third");
    if (status != NULL) {
        EXPECT_STREQ(status->run, "r3");
        EXPECT_EQ(status->state, BIT__RUN_STATE__QUEUED);
        EXPECT_EQ(status->queue_position, 2);
    }
    bit_msg_free(status);
    EXPECT_EQ(fix_wait_end(&f, "@last", NULL), 0);
    Bit__RunStatus *all[3];
    for (int i = 0; i < 3; i++)
        all[i] = fix_status(&f, run[i]);
    for (int i = 0; i < 2; i++)
        if (all[i] != NULL && all[i + 1] != NULL)
            EXPECT(all[i]->ended_ns < all[i + 1]->started_ns);
    for (int i = 0; i < 3; i++)
        bit_msg_free(all[i]);
    fix_finish(&f);
}

TEST(two_slots_train_two)
{
    char run[2][32];

    fix_init(&f);
    f.args[0] = "--slots";
    f.args[1] = "2";
    setenv("FAKE_STEP_US", "20000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run[0]);
    fix_submit(&f, NULL, run[1]);
    fix_wait_step(&f, run[1], 2);
    Bit__RunStatus *first = fix_status(&f, run[0]);
    if (first != NULL)
        EXPECT_EQ(first->state, BIT__RUN_STATE__TRAINING);
    bit_msg_free(first);
    EXPECT_EQ(fix_wait_end(&f, run[0], NULL), 0);
    EXPECT_EQ(fix_wait_end(&f, run[1], NULL), 0);
    fix_finish(&f);
}

TEST(cancels_in_the_queue_and_in_training)
{
    char run[2][32];
    pid_t pids[8];

    fix_init(&f);
    setenv("FAKE_STEP_US", "20000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=100000", run[0]);
    fix_submit(&f, NULL, run[1]);
    cancel(run[1], false);
    EXPECT_EQ(fix_wait_end(&f, run[1], NULL), BIT_EXIT_CANCELLED);
    fix_wait_step(&f, run[0], 3);
    EXPECT_EQ(fix_workers(&f, run[0], pids, 8), 2);
    cancel(run[0], false);
    EXPECT_EQ(fix_workers(&f, run[0], pids, 8), 0);
    Bit__RunStatus *status = fix_status(&f, run[0]);
    if (status != NULL) {
        EXPECT_EQ(status->state, BIT__RUN_STATE__CANCELLED);
        EXPECT_EQ(status->checkpoint_step, status->step); /* asked gently, it leaves one behind */
    }
    bit_msg_free(status);
    fix_submit(&f, "schedule.steps=100000", run[0]);
    fix_wait_step(&f, run[0], 3);
    cancel(run[0], true);
    EXPECT_EQ(fix_workers(&f, run[0], pids, 8), 0);
    fix_finish(&f);
}

TEST(unknown_runs_are_said_to_be)
{
    char text[256];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    Bit__StatusRequest m = BIT__STATUS_REQUEST__INIT;
    m.run = bit_lend("r9");
    EXPECT_EQ(fix_refused(&f, BIT_MSG_STATUS_REQUEST, &m, text, sizeof text), BIT_EXIT_NOT_FOUND);
    EXPECT_CONTAINS(text, "r9");
    m.run = bit_lend("@last");
    EXPECT_EQ(fix_refused(&f, BIT_MSG_STATUS_REQUEST, &m, text, sizeof text), BIT_EXIT_NOT_FOUND);
    fix_finish(&f);
}

/* Events come while they happen, and the stream ends with the run. */
TEST(follows_events_to_the_end)
{
    char run[32];
    size_t steps = 0;
    uint64_t seq = 0;
    void *reply;
    uint16_t type;

    fix_init(&f);
    setenv("FAKE_STEP_US", "3000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    Bit__EventsRequest m = BIT__EVENTS_REQUEST__INIT;
    m.run = run;
    m.has_follow = m.follow = m.has_steps = m.steps = true;
    int fd = fix_connect(&f);
    EXPECT(fix_send(fd, BIT_MSG_EVENTS_REQUEST, &m));
    while ((type = fix_receive(fd, &reply)) == BIT_MSG_EVENT_REPLY) {
        const Bit__JournalRecord *record = ((Bit__EventReply *)reply)->record;
        EXPECT_EQ(record->seq, ++seq);
        steps += record->what_case == BIT__JOURNAL_RECORD__WHAT_STEP;
        bit_msg_free(reply);
    }
    EXPECT_EQ(type, BIT_MSG_END_REPLY);
    EXPECT_EQ(steps, 16);
    bit_msg_free(reply);
    /* the connection takes the next request */
    Bit__VersionRequest version = BIT__VERSION_REQUEST__INIT;
    EXPECT(fix_send(fd, BIT_MSG_VERSION_REQUEST, &version));
    EXPECT_EQ(fix_receive(fd, &reply), BIT_MSG_VERSION_REPLY);
    bit_msg_free(reply);
    close(fd);
    fix_finish(&f);
}

TEST_MAIN
