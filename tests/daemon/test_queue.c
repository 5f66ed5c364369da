/* The queue: one run at a time, by priority and then by age; runs that wait for others; names, lists, waits. */
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
        EXPECT_EQ(status->checkpoint_step, status->step); /* without `now`, cancelling makes a checkpoint */
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

/* Events are sent as they happen, and the stream ends with the run. */
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
    /* the connection can be used again */
    Bit__VersionRequest version = BIT__VERSION_REQUEST__INIT;
    EXPECT(fix_send(fd, BIT_MSG_VERSION_REQUEST, &version));
    EXPECT_EQ(fix_receive(fd, &reply), BIT_MSG_VERSION_REPLY);
    bit_msg_free(reply);
    close(fd);
    fix_finish(&f);
}

/* ---- priority, and runs that wait for others */

static void expect_state(const char *run, Bit__RunState state, unsigned position)
{
    Bit__RunStatus *s = fix_status(&f, run);

    if (s != NULL) {
        EXPECT_EQ(s->state, state);
        EXPECT_EQ(s->has_queue_position ? s->queue_position : 0, position);
    }
    bit_msg_free(s);
}

/* As fix_submit, with a priority and one run to wait for, or NULL. */
static void submit(const char *more, int32_t priority, const char *after, char run[32])
{
    Bit__SubmitRequest m = BIT__SUBMIT_REQUEST__INIT;
    static int count;
    char id[32];

    snprintf(id, sizeof id, "queue-%d-%d", (int)getpid(), count++);
    m.request_id = id;
    m.spec = fix_spec(&f, more);
    m.has_priority = true;
    m.priority = priority;
    char *list[] = {bit_lend(after != NULL ? after : "")};
    m.after = list;
    m.n_after = after != NULL;
    Bit__SubmitReply *reply = fix_expect(&f, BIT_MSG_SUBMIT_REQUEST, &m, BIT_MSG_SUBMIT_REPLY);
    snprintf(run, 32, "%s", reply != NULL ? reply->run : "");
    bit_msg_free(reply);
    bit_msg_free(m.spec);
}

static bool began_before(const char *a, const char *b)
{
    Bit__RunStatus *of_a = fix_status(&f, a), *of_b = fix_status(&f, b);
    bool before = of_a != NULL && of_b != NULL && of_a->started_ns < of_b->started_ns;

    bit_msg_free(of_a);
    bit_msg_free(of_b);
    return before;
}

/* A training run is not stopped for a higher priority. Of the queued ones the highest begins first, also after bitd was
 * killed. */
TEST(the_highest_priority_begins_first)
{
    char run[4][32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "20000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=100000", run[0]);
    fix_wait_step(&f, run[0], 1);
    submit(NULL, 0, NULL, run[1]);
    submit(NULL, -3, NULL, run[2]);
    submit(NULL, 7, NULL, run[3]);
    expect_state(run[3], BIT__RUN_STATE__QUEUED, 1);
    expect_state(run[1], BIT__RUN_STATE__QUEUED, 2);
    expect_state(run[2], BIT__RUN_STATE__QUEUED, 3);
    Bit__RunStatus *first = fix_status(&f, run[0]);
    if (first != NULL)
        EXPECT_EQ(first->state, BIT__RUN_STATE__TRAINING);
    bit_msg_free(first);
    fix_stop(&f, SIGKILL);
    if (!fix_start(&f))
        return;
    expect_state(run[3], BIT__RUN_STATE__QUEUED, 1);
    cancel(run[0], true);
    for (int i = 1; i < 4; i++)
        EXPECT_EQ(fix_wait_end(&f, run[i], NULL), 0);
    EXPECT(began_before(run[3], run[1]));
    EXPECT(began_before(run[1], run[2]));
    fix_finish(&f);
}

static void set_priority(const char *run, const char *request_id, int32_t priority)
{
    Bit__PriorityRequest m = BIT__PRIORITY_REQUEST__INIT;

    m.run = bit_lend(run);
    m.request_id = bit_lend(request_id);
    m.priority = priority;
    bit_msg_free(fix_expect(&f, BIT_MSG_PRIORITY_REQUEST, &m, BIT_MSG_DONE_REPLY));
}

/* The new priority is journalled, and a repeated request is applied once. */
TEST(a_queued_run_gets_another_priority)
{
    char run[3][32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "20000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=100000", run[0]);
    fix_wait_step(&f, run[0], 1);
    submit(NULL, 0, NULL, run[1]);
    submit(NULL, 0, NULL, run[2]);
    expect_state(run[2], BIT__RUN_STATE__QUEUED, 2);
    set_priority(run[2], "first", 9);
    expect_state(run[2], BIT__RUN_STATE__QUEUED, 1);
    set_priority(run[1], "more", 10);
    set_priority(run[1], "less", 8);
    set_priority(run[1], "more", 10);
    expect_state(run[2], BIT__RUN_STATE__QUEUED, 1);
    fix_stop(&f, SIGKILL);
    if (!fix_start(&f))
        return;
    set_priority(run[1], "more", 10);
    expect_state(run[1], BIT__RUN_STATE__QUEUED, 2);
    cancel(run[0], true);
    EXPECT_EQ(fix_wait_end(&f, run[1], NULL), 0);
    EXPECT_EQ(fix_wait_end(&f, run[2], NULL), 0);
    EXPECT(began_before(run[2], run[1]));
    fix_finish(&f);
}

TEST(what_comes_after_waits_for_the_end)
{
    char run[3][32];

    fix_init(&f);
    f.args[0] = "--slots";
    f.args[1] = "3";
    setenv("FAKE_STEP_US", "20000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=100000\nname=first", run[0]);
    submit(NULL, 5, "first", run[1]);
    submit(NULL, 0, run[1], run[2]);
    Bit__RunStatus *s = fix_status(&f, run[1]);
    if (s != NULL) {
        EXPECT_EQ(s->state, BIT__RUN_STATE__QUEUED);
        EXPECT_EQ(s->has_queue_position, 0);
        EXPECT_EQ(s->n_after, 1);
        EXPECT_STREQ(s->n_after ? s->after[0] : "", "r1");
        EXPECT_CONTAINS(s->reason, "waits for r1");
    }
    bit_msg_free(s);
    fix_wait_step(&f, run[0], 1);
    fix_stop(&f, SIGKILL); /* the next bitd lets it wait, too */
    if (!fix_start(&f))
        return;
    expect_state(run[1], BIT__RUN_STATE__QUEUED, 0);
    cancel(run[0], true); /* any end of r1 lets the next one begin */
    EXPECT_EQ(fix_wait_end(&f, run[1], NULL), 0);
    EXPECT_EQ(fix_wait_end(&f, run[2], NULL), 0);
    EXPECT(began_before(run[1], run[2]));
    s = fix_status(&f, run[2]);
    if (s != NULL)
        EXPECT_EQ(s->n_after, 0);
    bit_msg_free(s);
    fix_finish(&f);
}

/* A run that waits for a cancelled run's completion is cancelled too, and so on; one that waits for any end begins. */
TEST(what_waits_for_a_completion_is_cancelled_without_it)
{
    char run[6][32], text[32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "20000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=100000", run[0]);
    fix_submit(&f, NULL, run[1]);
    submit(NULL, 0, "ok:r2", run[2]);
    submit(NULL, 0, "ok:r3", run[3]);
    submit(NULL, 0, "r3", run[4]);
    submit(NULL, 0, "ok:r5", run[5]);
    cancel(run[1], false); /* while queued, so no slot becomes free */
    EXPECT_EQ(fix_wait_end(&f, run[2], NULL), BIT_EXIT_CANCELLED);
    EXPECT_EQ(fix_wait_end(&f, run[3], NULL), BIT_EXIT_CANCELLED);
    Bit__RunStatus *s = fix_status(&f, run[2]);
    if (s != NULL)
        EXPECT_CONTAINS(s->reason, "after r2 had completed, but r2 is cancelled");
    bit_msg_free(s);
    cancel(run[0], true);
    EXPECT_EQ(fix_wait_end(&f, run[4], NULL), 0);
    EXPECT_EQ(fix_wait_end(&f, run[5], NULL), 0);
    /* A resumed run waits for nothing. */
    Bit__ResumeRequest m = BIT__RESUME_REQUEST__INIT;
    m.run = run[2];
    m.request_id = text;
    snprintf(text, sizeof text, "again");
    bit_msg_free(fix_expect(&f, BIT_MSG_RESUME_REQUEST, &m, BIT_MSG_DONE_REPLY));
    EXPECT_EQ(fix_wait_end(&f, run[2], NULL), 0);
    fix_finish(&f);
}

static void expect_refused(int32_t priority, const char *after, int code, const char *needle)
{
    Bit__SubmitRequest m = BIT__SUBMIT_REQUEST__INIT;
    char text[512] = "", *list[] = {bit_lend(after)};

    m.request_id = bit_lend("refused");
    m.spec = fix_spec(&f, NULL);
    m.has_priority = true;
    m.priority = priority;
    m.after = list;
    m.n_after = after[0] != '\0';
    EXPECT_EQ(fix_refused(&f, BIT_MSG_SUBMIT_REQUEST, &m, text, sizeof text), code);
    EXPECT_CONTAINS(text, needle);
    bit_msg_free(m.spec);
}

TEST(refuses_what_cannot_be_waited_for)
{
    char run[2][32];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "name=twice", run[0]);
    fix_submit(&f, "name=twice", run[1]);
    EXPECT_EQ(fix_wait_end(&f, run[1], NULL), 0);
    expect_refused(0, "r9", BIT_EXIT_NOT_FOUND, "r9");
    expect_refused(0, "twice", BIT_EXIT_USAGE, "is the name of 2 runs");
    expect_refused(1001, "", BIT_EXIT_USAGE, "from -1000 to 1000");
    fix_finish(&f);
}

TEST_MAIN
