/* Pausing frees the slot after a durable checkpoint; a resumed run ends with the weights of one that was not paused. */
#include <signal.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;
static const char spec[] = "schedule.steps=40\nphases.switch.at_step=20";

static Bit__DoneReply *pause_run(const char *run, const char *id)
{
    Bit__PauseRequest m = BIT__PAUSE_REQUEST__INIT;

    m.run = bit_lend(run);
    m.request_id = bit_lend(id);
    return fix_expect(&f, BIT_MSG_PAUSE_REQUEST, &m, BIT_MSG_DONE_REPLY);
}

static void resume_run(const char *run, const char *id)
{
    Bit__ResumeRequest m = BIT__RESUME_REQUEST__INIT;

    m.run = bit_lend(run);
    m.request_id = bit_lend(id);
    bit_msg_free(fix_expect(&f, BIT_MSG_RESUME_REQUEST, &m, BIT_MSG_DONE_REPLY));
}

TEST(resumes_to_the_same_end)
{
    char run[32], other[32];
    pid_t pids[8];
    uint64_t digest = 0, undisturbed = fix_undisturbed(spec);

    fix_init(&f);
    setenv("FAKE_STEP_US", "3000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    fix_submit(&f, NULL, other);
    for (int i = 0; i < 3; i++) {
        char pause_id[16], resume_id[16];
        snprintf(pause_id, sizeof pause_id, "p%d", i);
        snprintf(resume_id, sizeof resume_id, "r%d", i);
        fix_wait_step(&f, run, 1 + 12 * (uint64_t)i);
        Bit__DoneReply *done = pause_run(run, pause_id);
        EXPECT_EQ(fix_workers(&f, run, pids, 8), 0);
        Bit__RunStatus *status = fix_status(&f, run);
        if (status != NULL && done != NULL) {
            EXPECT_EQ(status->state, BIT__RUN_STATE__PAUSED);
            EXPECT_EQ(status->step, done->step);
            EXPECT_EQ(status->checkpoint_step, done->step);
        }
        bit_msg_free(status);
        bit_msg_free(done);
        if (i == 0)
            EXPECT_EQ(fix_wait_end(&f, other, NULL), 0); /* the other run got the slot */
        if (i == 1) {                                    /* it stays paused over a restart */
            fix_stop(&f, SIGTERM);
            fix_start(&f);
        }
        resume_run(run, resume_id);
    }
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    fix_finish(&f);
}

TEST(a_checkpoint_when_asked)
{
    char run[32], text[512];

    fix_init(&f);
    setenv("FAKE_STEP_US", "5000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=40\ncheckpoint.every=0", run);
    fix_wait_step(&f, run, 3);
    Bit__CheckpointRequest m = BIT__CHECKPOINT_REQUEST__INIT;
    m.run = run;
    m.request_id = bit_lend("now");
    Bit__DoneReply *done = fix_expect(&f, BIT_MSG_CHECKPOINT_REQUEST, &m, BIT_MSG_DONE_REPLY);
    if (done != NULL) {
        EXPECT(done->step >= 3 && done->step < 40);
        snprintf(text, sizeof text, "%s/runs/%s/checkpoints/%s/MANIFEST", f.state, run, done->text);
        EXPECT_EQ(access(text, F_OK), 0);
    }
    bit_msg_free(done);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    m.request_id = bit_lend("late"); /* answered with the existing last checkpoint */
    done = fix_expect(&f, BIT_MSG_CHECKPOINT_REQUEST, &m, BIT_MSG_DONE_REPLY);
    if (done != NULL)
        EXPECT_EQ(done->step, 40);
    bit_msg_free(done);
    fix_finish(&f);
}

TEST(submitted_paused_waits_to_be_resumed)
{
    fix_init(&f);
    if (!fix_start(&f))
        return;
    Bit__SubmitRequest m = BIT__SUBMIT_REQUEST__INIT;
    m.spec = fix_spec(&f, NULL);
    m.request_id = bit_lend("paused");
    m.has_paused = m.paused = true;
    bit_msg_free(fix_expect(&f, BIT_MSG_SUBMIT_REQUEST, &m, BIT_MSG_SUBMIT_REPLY));
    bit_msg_free(m.spec);
    Bit__RunStatus *status = fix_status(&f, "r1");
    if (status != NULL)
        EXPECT_EQ(status->state, BIT__RUN_STATE__PAUSED);
    bit_msg_free(status);
    resume_run("r1", "go");
    EXPECT_EQ(fix_wait_end(&f, "r1", NULL), 0);
    fix_finish(&f);
}

/* SIGTERM: bitd makes a last checkpoint and leaves no workers; the next bitd continues the run. */
TEST(a_daemon_told_to_stop_leaves_nothing_running)
{
    char run[32];
    pid_t pids[8];
    uint64_t digest = 0, undisturbed = fix_undisturbed(spec);

    fix_init(&f);
    setenv("FAKE_STEP_US", "5000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    fix_wait_step(&f, run, 7);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    EXPECT_EQ(fix_workers(&f, run, pids, 8), 0);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    struct fix_events e;
    fix_events(&f, run, &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_LOST), 0);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_STEP), 40); /* no step was repeated */
    fix_events_free(&e);
    fix_finish(&f);
}

TEST_MAIN
