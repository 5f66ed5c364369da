/* An ended run is resumed from a checkpoint and ends as if it had not been interrupted. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;
static char text[4096];
static const char spec[] = "schedule.steps=24\nphases.switch.at_step=12\nlaunch.max_restarts=0\n";

static Bit__ResumeRequest ask(const char *run, const char *id)
{
    Bit__ResumeRequest m = BIT__RESUME_REQUEST__INIT;

    m.run = bit_lend(run);
    m.request_id = bit_lend(id);
    return m;
}

static Bit__DoneReply *resume(const Bit__ResumeRequest *m)
{
    return fix_expect(&f, BIT_MSG_RESUME_REQUEST, m, BIT_MSG_DONE_REPLY);
}

static int refused(const Bit__ResumeRequest *m)
{
    return fix_refused(&f, BIT_MSG_RESUME_REQUEST, m, text, sizeof text);
}

/* A run whose worker died after step 7 and that may not be restarted. */
static bool begin_failed(char run[32])
{
    fix_init(&f);
    setenv("FAKE_DIE_AT", "7", 1);
    snprintf(text, sizeof text, "%s/once", f.dir);
    setenv("FAKE_ONCE", text, 1);
    if (!fix_start(&f))
        return false;
    fix_submit(&f, spec, run);
    return EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_POLICY);
}

static const Bit__RunResumed *last_resumed(const struct fix_events *e)
{
    const Bit__JournalRecord *r = fix_last(e, BIT__JOURNAL_RECORD__WHAT_RESUMED);

    return EXPECT(r != NULL) ? r->resumed : NULL;
}

static void check_proof(const char *run, uint64_t from, uint64_t to)
{
    struct fix_events e;

    fix_events(&f, run, &e);
    const Bit__JournalRecord *r = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_VERIFIED);
    if (EXPECT(r != NULL)) {
        EXPECT_EQ(r->verified->equal, 1);
        EXPECT_EQ(r->verified->from_step, from);
        EXPECT_EQ(r->verified->to_step, to);
    }
    fix_events_free(&e);
}

TEST(a_failed_run_goes_on_to_the_same_end)
{
    char run[32];
    uint64_t digest = 0, undisturbed = fix_undisturbed(spec);

    if (!begin_failed(run))
        return;
    Bit__DoctorRequest ill = BIT__DOCTOR_REQUEST__INIT;
    ill.run = run;
    Bit__DoctorReply *doctor = fix_expect(&f, BIT_MSG_DOCTOR_REQUEST, &ill, BIT_MSG_DOCTOR_REPLY);
    if (doctor != NULL)
        EXPECT_CONTAINS(doctor->finding[0]->advice, "`bitctl resume r1` goes on from step-00000004");
    bit_msg_free(doctor);
    const Bit__ResumeRequest m = ask(run, "again");
    Bit__DoneReply *done = resume(&m);
    if (done != NULL) {
        EXPECT_CONTAINS(done->text, "no step gained in 1 launch");
        EXPECT_CONTAINS(done->text, "goes on from step-00000004, 3 steps are done again");
        EXPECT_EQ(done->step, 4);
    }
    bit_msg_free(done);
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    check_proof(run, 5, 7);
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL) {
        EXPECT_EQ(status->state, BIT__RUN_STATE__COMPLETED);
        EXPECT_EQ(status->exit_code, 0);
    }
    bit_msg_free(status);
    fix_finish(&f);
}

/* bitd keeps no step results of an ended run and reads them from the journal again. */
TEST(after_a_restart_of_bitd_too)
{
    char run[32];
    uint64_t digest = 0, undisturbed = fix_undisturbed(spec);

    if (!begin_failed(run))
        return;
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    if (!fix_start(&f))
        return;
    Bit__ResumeRequest m = ask(run, "again");
    m.has_no_wait = m.no_wait = true;
    bit_msg_free(resume(&m));
    EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL); /* right after its answer */
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    check_proof(run, 5, 7);
    fix_finish(&f);
}

TEST(a_request_that_is_repeated_is_applied_once)
{
    char run[32];
    struct fix_events e;

    if (!begin_failed(run))
        return;
    const Bit__ResumeRequest m = ask(run, "again");
    Bit__DoneReply *first = resume(&m);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    Bit__DoneReply *second = resume(&m); /* after the run's end: not resumed again */
    if (first != NULL && second != NULL) {
        EXPECT_EQ(second->event, first->event);
        EXPECT_STREQ(second->text, first->text);
    }
    bit_msg_free(first);
    bit_msg_free(second);
    fix_events(&f, run, &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_RESUMED), 1);
    fix_events_free(&e);
    fix_finish(&f);
}

static void cancel(const char *run)
{
    Bit__CancelRequest m = BIT__CANCEL_REQUEST__INIT;

    m.run = bit_lend(run);
    m.request_id = bit_lend("cancel");
    bit_msg_free(fix_expect(&f, BIT_MSG_CANCEL_REQUEST, &m, BIT_MSG_DONE_REPLY));
}

TEST(a_cancelled_run_goes_on)
{
    char run[32];
    uint64_t digest = 0, undisturbed = fix_undisturbed(spec);

    fix_init(&f);
    setenv("FAKE_HANG_AT", "9", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    fix_wait_step(&f, run, 9);
    Bit__CancelRequest now = BIT__CANCEL_REQUEST__INIT;
    now.run = run;
    now.request_id = bit_lend("cancel");
    now.has_now = now.now = true;
    bit_msg_free(fix_expect(&f, BIT_MSG_CANCEL_REQUEST, &now, BIT_MSG_DONE_REPLY));
    fix_stop(&f, SIGTERM); /* the next bitd's workers do not hang */
    unsetenv("FAKE_HANG_AT");
    if (!fix_start(&f))
        return;
    const Bit__ResumeRequest m = ask(run, "again");
    Bit__DoneReply *done = resume(&m);
    if (done != NULL)
        EXPECT_CONTAINS(done->text, "cancelled at step 9; goes on from step-00000008, 1 step is done again");
    bit_msg_free(done);
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    fix_finish(&f);
}

TEST(one_that_never_began_begins)
{
    char run[32], first[32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "20000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=1000", first);
    fix_submit(&f, NULL, run);
    cancel(run);
    Bit__ResumeRequest m = ask(run, "again");
    m.has_from_step = true;
    m.from_step = 4;
    EXPECT_EQ(refused(&m), BIT_EXIT_FAILURE);
    EXPECT_CONTAINS(text, "has no checkpoint");
    m.has_from_step = false;
    Bit__DoneReply *done = resume(&m);
    if (done != NULL) {
        EXPECT_CONTAINS(done->text, "goes on from the beginning");
        EXPECT_CONTAINS(done->text, "queued");
    }
    bit_msg_free(done);
    cancel(first);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_finish(&f);
}

/* ---- completed */

TEST(a_completed_run_trains_more_steps)
{
    static const char whole[] = "schedule.steps=24\nschedule.cosine_steps=16";
    char run[32];
    uint64_t digest = 0, undisturbed = fix_undisturbed(whole);

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    Bit__ResumeRequest m = ask(run, "more");
    EXPECT_EQ(refused(&m), BIT_EXIT_FAILURE);
    EXPECT_CONTAINS(text, "--steps N");
    m.has_steps = true;
    m.steps = 16;
    EXPECT_EQ(refused(&m), BIT_EXIT_FAILURE);
    EXPECT_CONTAINS(text, "17 is the least");
    m.steps = 24;
    Bit__DoneReply *done = resume(&m);
    if (done != NULL)
        EXPECT_CONTAINS(done->text, "24 steps now; the cosine ends at step 16 as before");
    bit_msg_free(done);
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL); /* the journal has it, too */
    if (!fix_start(&f))
        return;
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL) {
        EXPECT_EQ(status->steps, 24);
        EXPECT_EQ(status->step, 24);
    }
    bit_msg_free(status);
    fix_finish(&f);
}

TEST(steps_after_a_cosine_that_ends_at_zero_are_refused)
{
    char run[32];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.final=0", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    Bit__ResumeRequest m = ask(run, "more");
    m.has_steps = true;
    m.steps = 24;
    EXPECT_EQ(refused(&m), BIT_EXIT_FAILURE);
    EXPECT_CONTAINS(text, "--stretch");
    m.has_stretch = m.stretch = true;
    bit_msg_free(resume(&m));
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    struct fix_events e;
    fix_events(&f, run, &e);
    const Bit__RunResumed *resumed = last_resumed(&e);
    if (resumed != NULL)
        EXPECT_EQ(resumed->cosine_steps, 24);
    const Bit__JournalRecord *last = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_STEP);
    if (EXPECT(last != NULL))
        EXPECT_EQ(last->step->step, 24);
    fix_events_free(&e);
    fix_finish(&f);
}

/* ---- from an older step */

TEST(from_a_step_forgets_what_came_after_it)
{
    char run[32], path[256];
    uint64_t digest = 0, undisturbed = fix_undisturbed(NULL);
    struct fix_events e;

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    Bit__ResumeRequest m = ask(run, "from");
    m.has_from_step = true;
    m.from_step = 7;
    EXPECT_EQ(refused(&m), BIT_EXIT_FAILURE);
    EXPECT_CONTAINS(text, "steps 8, 12, 16");
    m.from_step = 8;
    Bit__DoneReply *done = resume(&m);
    if (done != NULL)
        EXPECT_CONTAINS(done->text, "goes on from step-00000008, 8 steps are done again");
    bit_msg_free(done);
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    fix_events(&f, run, &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_STEP), 16 + 8);
    fix_events_free(&e);
    EXPECT_EQ(access(fix_path(&f, run, "checkpoints/step-00000016/MANIFEST", path, sizeof path), F_OK), 0);
    m.request_id = bit_lend("shorter");
    m.has_steps = true;
    m.steps = 10;
    bit_msg_free(resume(&m));
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_EQ(access(fix_path(&f, run, "checkpoints/step-00000010", path, sizeof path), F_OK), 0);
    EXPECT_EQ(access(fix_path(&f, run, "checkpoints/step-00000016", path, sizeof path), F_OK), -1); /* deleted */
    fix_finish(&f);
}

TEST(a_pinned_checkpoint_is_not_forgotten)
{
    Bit__CheckpointPinRequest pin = BIT__CHECKPOINT_PIN_REQUEST__INIT;
    char run[32];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    pin.run = run;
    pin.request_id = bit_lend("pin");
    pin.step = 12;
    bit_msg_free(fix_expect(&f, BIT_MSG_CHECKPOINT_PIN_REQUEST, &pin, BIT_MSG_DONE_REPLY));
    Bit__ResumeRequest m = ask(run, "from");
    m.has_from_step = true;
    m.from_step = 8;
    EXPECT_EQ(refused(&m), BIT_EXIT_FAILURE);
    EXPECT_CONTAINS(text, "ckpt unpin");
    m.from_step = 12;
    bit_msg_free(resume(&m));
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_finish(&f);
}

TEST(batches_are_left_out_where_asked)
{
    char run[32];
    struct fix_events e;

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    Bit__ResumeRequest m = ask(run, "skip");
    m.has_from_step = m.has_skip = true;
    m.from_step = 12;
    m.skip = 3;
    Bit__DoneReply *done = resume(&m);
    if (done != NULL)
        EXPECT_CONTAINS(done->text, "3 batches are left out");
    bit_msg_free(done);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_events(&f, run, &e);
    const Bit__JournalRecord *last = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_STEP);
    if (EXPECT(last != NULL))
        EXPECT_EQ(last->step->position, 16 + 3);
    fix_events_free(&e);
    fix_finish(&f);
}

TEST(a_paused_run_goes_back_too)
{
    char run[32];
    uint64_t digest = 0, undisturbed = fix_undisturbed("schedule.steps=40");

    fix_init(&f);
    setenv("FAKE_STEP_US", "3000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=40", run);
    fix_wait_step(&f, run, 9);
    Bit__PauseRequest pause = BIT__PAUSE_REQUEST__INIT;
    pause.run = run;
    pause.request_id = bit_lend("pause");
    bit_msg_free(fix_expect(&f, BIT_MSG_PAUSE_REQUEST, &pause, BIT_MSG_DONE_REPLY));
    Bit__ResumeRequest m = ask(run, "back");
    m.has_from_step = true;
    m.from_step = 8;
    Bit__DoneReply *done = resume(&m);
    if (done != NULL) {
        EXPECT_CONTAINS(done->text, "paused at step");
        EXPECT_CONTAINS(done->text, "goes on from step-00000008");
    }
    bit_msg_free(done);
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    fix_finish(&f);
}

/* ---- stopped by its guard */

/* The checksum of this step's batch in an undisturbed run. */
static uint32_t batch_of(uint64_t step)
{
    char run[32];
    struct fix_events e;
    uint32_t crc = 0;

    fix_init(&f);
    if (!fix_start(&f))
        return 0;
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_events(&f, run, &e);
    for (size_t i = 0; i < e.count; i++)
        if (e.record[i]->what_case == BIT__JOURNAL_RECORD__WHAT_STEP && e.record[i]->step->step == step)
            crc = e.record[i]->step->token_crc;
    fix_events_free(&e);
    fix_finish(&f);
    return crc;
}

TEST(what_a_guard_stopped_comes_to_it_again_or_leaves_it_out)
{
    char run[32], bad[16];

    snprintf(bad, sizeof bad, "%u", batch_of(10));
    fix_init(&f);
    setenv("FAKE_NAN", bad, 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "guard.nan=STOP", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_POLICY);
    Bit__ResumeRequest m = ask(run, "again");
    bit_msg_free(resume(&m));
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_POLICY); /* the same batch stops it again */
    m.request_id = bit_lend("without it");
    m.has_skip = true;
    m.skip = 2;
    Bit__DoneReply *done = resume(&m);
    if (done != NULL)
        EXPECT_CONTAINS(done->text, "goes on from step-00000008, 1 step is done again, 2 batches are left out");
    bit_msg_free(done);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_finish(&f);
}

static void damage(const char *run, const char *name)
{
    char path[256], rest[64];
    uint8_t byte = 0;

    snprintf(rest, sizeof rest, "checkpoints/%s/model.safetensors", name);
    int fd = open(fix_path(&f, run, rest, path, sizeof path), O_RDWR | O_CLOEXEC);
    struct stat st;
    EXPECT_EQ(fstat(fd, &st), 0);
    EXPECT_EQ(pread(fd, &byte, 1, st.st_size - 1), 1);
    byte ^= 1;
    EXPECT_EQ(pwrite(fd, &byte, 1, st.st_size - 1), 1);
    close(fd);
}

TEST(a_damaged_checkpoint_is_passed_over)
{
    char run[32];
    uint64_t digest = 0, undisturbed = fix_undisturbed("schedule.steps=24\nschedule.cosine_steps=16");

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    damage(run, "step-00000016");
    Bit__ResumeRequest m = ask(run, "more");
    m.has_steps = true;
    m.steps = 24;
    m.has_from_step = true;
    m.from_step = 16;
    EXPECT_EQ(refused(&m), BIT_EXIT_CORRUPT);
    EXPECT_CONTAINS(text, "step-00000016");
    m.has_from_step = false;
    Bit__DoneReply *done = resume(&m);
    if (done != NULL)
        EXPECT_CONTAINS(done->text, "goes on from step-00000012, 4 steps are done again");
    bit_msg_free(done);
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    check_proof(run, 13, 16);
    fix_finish(&f);
}

/* ---- refusals */

TEST(what_trains_or_waits_is_not_resumed)
{
    char run[32], queued[32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "20000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=1000", run);
    fix_submit(&f, NULL, queued);
    fix_wait_step(&f, run, 1);
    Bit__ResumeRequest m = ask(run, "again");
    EXPECT_EQ(refused(&m), BIT_EXIT_FAILURE);
    EXPECT_CONTAINS(text, "is training: there is nothing to resume");
    m = ask(queued, "again");
    EXPECT_EQ(refused(&m), BIT_EXIT_FAILURE);
    EXPECT_CONTAINS(text, "is queued already");
    fix_finish(&f);
}

TEST_MAIN
