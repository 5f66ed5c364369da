/*
 * bitd, workers and launchers are killed at any moment: the run continues, no step is lost or counted twice, and the
 * final weights equal those of an undisturbed run. BITD_SEED=… repeats a random test.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/store/journal/journal.h"
#include "daemon/store/journal/journal_record.h"
#include "proto/check.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;
static const char spec[] = "schedule.steps=24\nphases.switch.at_step=11\nphases.switch.ramp_steps=4\n"
                           "phases.switch.optimizer=RESET\ncheckpoint.every=5\nlaunch.max_restarts=8";
static uint32_t seed;

static uint64_t undisturbed; /* the final digest of an undisturbed run */

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static void kill_workers(const char *run, bool launcher_only)
{
    pid_t pids[16];
    int count = fix_workers(&f, run, pids, 16);

    for (int i = 0; i < (launcher_only ? BIT_MIN(count, 1) : count); i++)
        kill(pids[i], SIGKILL);
}

/* The journal has each step of a launch once, without gaps, and every replayed step was equal to its first record. */
static void check_events(const char *run, size_t lost)
{
    struct fix_events e;
    uint64_t step = 0;

    fix_events(&f, run, &e);
    for (size_t i = 0; i < e.count; i++) {
        const Bit__JournalRecord *r = e.record[i];
        EXPECT_EQ(r->seq, i + 1);
        if (r->what_case == BIT__JOURNAL_RECORD__WHAT_READY)
            step = r->ready->step;
        if (r->what_case == BIT__JOURNAL_RECORD__WHAT_STEP)
            EXPECT_EQ(r->step->step, ++step);
        if (r->what_case == BIT__JOURNAL_RECORD__WHAT_STEP)
            EXPECT_EQ(r->step->precision, step <= 11 ? BIT__PRECISION__SIXTEEN_BIT : BIT__PRECISION__TERNARY);
        if (r->what_case == BIT__JOURNAL_RECORD__WHAT_VERIFIED)
            EXPECT(r->verified->equal);
    }
    EXPECT_EQ(step, 24);
    if (lost != SIZE_MAX)
        EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_LOST), lost);
    fix_events_free(&e);
}

static void expect_same_end(const char *run, size_t lost)
{
    uint64_t digest = 0;

    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, undisturbed);
    check_events(run, lost);
}

TEST(undisturbed_first)
{
    EXPECT_EQ(fix_undisturbed(spec), undisturbed);
}

/* Workers train on while bitd is down and reconnect to the next one: no step is repeated. */
TEST(the_daemon_is_killed)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "4000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    uint64_t at = 0;
    for (int i = 0; i < 6; i++) {
        at += 1 + draw(4);
        fix_wait_step(&f, run, BIT_MIN(at, (uint64_t)23));
        EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL);
        if (!fix_start(&f))
            return;
    }
    expect_same_end(run, 0);
    fix_finish(&f);
}

TEST(the_worker_is_killed)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "3000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    for (int i = 0; i < 4; i++) {
        fix_wait_step(&f, run, 3 + 5 * (uint64_t)i + draw(3));
        kill_workers(run, i == 1);
    }
    expect_same_end(run, SIZE_MAX);
    fix_finish(&f);
}

/* The worker kills itself, at the start and after randomly chosen steps. */
TEST(the_worker_dies_at_each_step)
{
    for (int step = 0; step < 24; step += 1 + (int)draw(4)) {
        char run[32], once[128], text[16];
        fix_init(&f);
        snprintf(once, sizeof once, "%s/once", f.dir);
        snprintf(text, sizeof text, "%d", step);
        setenv("FAKE_ONCE", once, 1);
        setenv("FAKE_DIE_AT", text, 1);
        if (!fix_start(&f))
            return;
        fix_submit(&f, spec, run);
        expect_same_end(run, 1);
        fix_finish(&f);
    }
}

TEST(both_are_killed)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "3000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    for (int i = 0; i < 4; i++) {
        fix_wait_step(&f, run, 2 + 5 * (uint64_t)i + draw(4));
        EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL);
        kill_workers(run, false);
        if (!fix_start(&f))
            return;
    }
    expect_same_end(run, SIZE_MAX);
    fix_finish(&f);
}

/* ---- between any two journal writes */

struct cuts {
    uint64_t at[256];
    size_t count;
};

static int note_cut(void *arg, const Bit__JournalRecord *record)
{
    struct cuts *cuts = arg;

    if (!EXPECT(cuts->count < BIT_COUNT(cuts->at)))
        return BIT_ELIMIT;
    cuts->at[cuts->count++] = bit__journal_record__get_packed_size(record) + BIT_JOURNAL_HEADER_BYTES;
    return 0;
}

/* bitd is killed after its k-th record, and its workers too: for random k the run ends as if undisturbed. */
TEST(killed_after_each_record)
{
    char run[32], path[256];
    struct cuts cuts = {.count = 0};
    struct bit_journal journal;
    uint64_t cut = 0, digest = 0;

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    fix_path(&f, run, "journal", path, sizeof path);
    EXPECT_EQ(bit_journal_open(path, note_cut, &cuts, &journal, &cut), 0);
    bit_journal_close(&journal);
    if (!EXPECT(cuts.count > 24))
        return;
    uint64_t whole[256], end = 0;
    for (size_t k = 0; k < cuts.count; k++)
        whole[k] = end += cuts.at[k];
    for (size_t k = cuts.count - 1, back; k > 0; k -= BIT_MIN(k, back)) {
        back = 1 + draw(3);
        EXPECT_EQ(truncate(path, (off_t)whole[k - 1] + (draw(2) ? 0 : 5)), 0); /* sometimes in the middle of a record */
        if (!fix_start(&f))
            return;
        EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
        EXPECT_EQ(digest, undisturbed);
        check_events(run, SIZE_MAX);
        EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
        /* the records appended now lie after the remaining cuts */
    }
    fix_finish(&f);
}

static void empty_journal(const char *run)
{
    char path[256];

    EXPECT_EQ(truncate(fix_path(&f, run, "journal", path, sizeof path), 0), 0);
}

/* The remains of an interrupted submission are removed; a run that trained keeps its checkpoints, even if its journal
 * is lost. */
TEST(an_empty_journal_takes_no_checkpoints_with_it)
{
    char run[32], path[256], text[256];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_EQ(mkdir(fix_path(&f, "r2", "", path, sizeof path), 0700), 0); /* occupies the next run's folder */
    EXPECT_EQ(fix_submit_refused(&f, spec, text, sizeof text), BIT_EXIT_FAILURE);
    EXPECT_EQ(access(path, F_OK), 0);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    empty_journal("r1");
    if (!fix_start(&f))
        return;
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL) {
        EXPECT_EQ(status->state, BIT__RUN_STATE__FAILED);
        EXPECT_EQ(status->exit_code, BIT_EXIT_CORRUPT);
        EXPECT_CONTAINS(status->reason, "journal: empty, though r1 was launched");
    }
    bit_msg_free(status);
    EXPECT_EQ(access(fix_path(&f, run, "checkpoints/step-00000024/MANIFEST", path, sizeof path), F_OK), 0);
    fix_submit(&f, spec, run); /* the empty folder was removed at the start */
    EXPECT_STREQ(run, "r2");
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_finish(&f);
}

TEST(half_a_submission_is_removed)
{
    char run[32], path[256];

    fix_init(&f);
    f.args[0] = "--slots";
    f.args[1] = "1";
    if (!fix_start(&f))
        return;
    setenv("FAKE_STEP_US", "3000", 1);
    fix_submit(&f, spec, run);
    fix_submit(&f, spec, run); /* queued behind r1, never launched */
    EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL);
    empty_journal("r2");
    if (!fix_start(&f))
        return;
    EXPECT_EQ(access(fix_path(&f, "r2", "", path, sizeof path), F_OK), -1);
    EXPECT_EQ(fix_wait_end(&f, "r1", NULL), 0);
    fix_finish(&f);
}

TEST(damage_in_the_middle_is_not_guessed_over)
{
    char run[32], path[256];
    uint8_t byte;

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    int fd = open(fix_path(&f, run, "journal", path, sizeof path), O_RDWR | O_CLOEXEC);
    EXPECT_EQ(pread(fd, &byte, 1, 700), 1);
    byte ^= 4;
    EXPECT_EQ(pwrite(fd, &byte, 1, 700), 1);
    close(fd);
    if (!fix_start(&f))
        return;
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL) {
        EXPECT_EQ(status->state, BIT__RUN_STATE__FAILED);
        EXPECT_EQ(status->exit_code, BIT_EXIT_CORRUPT);
        EXPECT_CONTAINS(status->reason, "damaged at byte");
    }
    bit_msg_free(status);
    fix_submit(&f, spec, run); /* other runs are unaffected */
    EXPECT_STREQ(run, "r2");
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_finish(&f);
}

/* ---- faults that no restart cures, and faults that a restart must not hide */

TEST(a_crash_loop_is_stopped)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_DIE_AT", "7", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "launch.max_restarts=2", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_POLICY);
    struct fix_events e;
    fix_events(&f, run, &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_LAUNCHED), 3);
    fix_events_free(&e);
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL)
        EXPECT_CONTAINS(status->reason, "step 7");
    bit_msg_free(status);
    fix_finish(&f);
}

TEST(a_launcher_that_fails_is_not_tried_for_ever)
{
    char run[32];

    fix_init(&f);
    f.args[0] = f.args[2] = "--set";
    f.args[1] = "mpirun=/bin/false";
    f.args[3] = "launch_patience=0.2";
    if (!fix_start(&f))
        return;
    fix_submit(&f, "launch.max_restarts=1", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_LAUNCH);
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL) {
        EXPECT_CONTAINS(status->reason, "launch_patience");
        EXPECT(status->restarts > 2);
    }
    bit_msg_free(status);
    fix_finish(&f);
}

/* A program that exits with 3, instead of mpirun. */
static void write_launcher(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    static const char script[] = "#!/bin/sh\nexit 3\n";

    EXPECT_EQ(write(fd, script, sizeof script - 1), (ssize_t)sizeof script - 1);
    close(fd);
}

/* Wait until `count` losses are journalled. */
static void wait_losses(const char *run, size_t count)
{
    Bit__EventsRequest m = BIT__EVENTS_REQUEST__INIT;
    int fd = fix_connect(&f);
    void *reply;

    m.run = bit_lend(run);
    m.has_follow = m.follow = true;
    EXPECT(fd >= 0 && fix_send(fd, BIT_MSG_EVENTS_REQUEST, &m));
    for (size_t lost = 0; lost < count;) {
        if (!EXPECT_EQ(fix_receive(fd, &reply), BIT_MSG_EVENT_REPLY))
            break;
        lost += ((Bit__EventReply *)reply)->record->what_case == BIT__JOURNAL_RECORD__WHAT_LOST;
        bit_msg_free(reply);
    }
    close(fd);
}

TEST(launches_that_come_to_nothing_do_not_use_up_the_run)
{
    char run[32], launcher[128], set[160];
    uint64_t digest = 0, want = fix_undisturbed("launch.max_restarts=1");

    fix_init(&f);
    snprintf(launcher, sizeof launcher, "%s/launcher", f.dir);
    write_launcher(launcher);
    snprintf(set, sizeof set, "mpirun=%s", launcher);
    f.args[0] = "--set";
    f.args[1] = set;
    if (!fix_start(&f))
        return;
    fix_submit(&f, "launch.max_restarts=1", run);
    wait_losses(run, 6);
    EXPECT_EQ(unlink(launcher), 0); /* the launcher works again */
    EXPECT_EQ(symlink(FAKE_MPIRUN_PATH, launcher), 0);
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(digest, want);
    fix_finish(&f);
}

TEST(the_next_try_is_said)
{
    char run[32], launcher[128], set[160];

    fix_init(&f);
    snprintf(launcher, sizeof launcher, "%s/launcher", f.dir);
    write_launcher(launcher);
    snprintf(set, sizeof set, "mpirun=%s", launcher);
    f.args[0] = f.args[2] = "--set";
    f.args[1] = set;
    f.args[3] = "restart_delay_max=3600";
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    fix_wait_state(&f, run, BIT__RUN_STATE__RESTARTING);
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL) {
        EXPECT_CONTAINS(status->reason, "launch 1 failed: ");
        EXPECT_CONTAINS(status->reason, "next try in 1 s");
        EXPECT(status->has_retry_s && status->retry_s <= 1);
    }
    bit_msg_free(status);
    Bit__DoctorRequest m = BIT__DOCTOR_REQUEST__INIT;
    m.run = run;
    Bit__DoctorReply *doctor = fix_expect(&f, BIT_MSG_DOCTOR_REQUEST, &m, BIT_MSG_DOCTOR_REPLY);
    if (doctor != NULL && EXPECT(doctor->n_finding > 0)) {
        EXPECT_STREQ(doctor->finding[0]->about, "launch");
        EXPECT_CONTAINS(doctor->finding[0]->text, "failed: ");
    }
    bit_msg_free(doctor);
    fix_finish(&f);
}

/* A damaged spec.pb: the run has failed, with the file as its reason; other runs are unaffected. */
TEST(a_damaged_specification_hurts_one_run)
{
    char run[32], path[256];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    int fd = open(fix_path(&f, "r1", "spec.pb", path, sizeof path), O_WRONLY | O_TRUNC | O_CLOEXEC);
    EXPECT_EQ(write(fd, "nonsense", 8), 8);
    close(fd);
    if (!fix_start(&f))
        return;
    Bit__RunStatus *status = fix_status(&f, "r1");
    if (status != NULL) {
        EXPECT_EQ(status->state, BIT__RUN_STATE__FAILED);
        EXPECT_EQ(status->exit_code, BIT_EXIT_CORRUPT);
        EXPECT_CONTAINS(status->reason, "spec.pb");
    }
    bit_msg_free(status);
    fix_submit(&f, NULL, run);
    EXPECT_STREQ(run, "r3");
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_finish(&f);
}

TEST(an_error_of_the_data_is_not_tried_again)
{
    char run[32], code[16];

    fix_init(&f);
    snprintf(code, sizeof code, "%d", BIT_ENUMERIC);
    setenv("FAKE_FAIL_AT", "3", 1);
    setenv("FAKE_ERROR", code, 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_POLICY);
    struct fix_events e;
    fix_events(&f, run, &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_LAUNCHED), 1);
    const Bit__JournalRecord *lost = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_LOST);
    if (EXPECT(lost != NULL))
        EXPECT_CONTAINS(lost->lost->cause, "rank 0 at step 3: as the test asked");
    fix_events_free(&e);
    fix_finish(&f);
}

TEST(a_worker_that_hangs_is_replaced)
{
    char run[32], once[128];

    fix_init(&f);
    snprintf(once, sizeof once, "%s/once", f.dir);
    setenv("FAKE_ONCE", once, 1);
    setenv("FAKE_HANG_AT", "13", 1);
    f.args[0] = "--set";
    f.args[1] = "stall_timeout=0.5";
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    expect_same_end(run, 1);
    fix_finish(&f);
}

TEST(a_resume_that_differs_is_said_to)
{
    char run[32], once[128];

    fix_init(&f);
    snprintf(once, sizeof once, "%s/once", f.dir);
    setenv("FAKE_ONCE", once, 1);
    setenv("FAKE_DIE_AT", "8", 1);
    setenv("FAKE_DRIFT", "1", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    struct fix_events e;
    fix_events(&f, run, &e);
    const Bit__JournalRecord *verified = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_VERIFIED);
    if (EXPECT(verified != NULL)) {
        EXPECT(!verified->verified->equal);
        EXPECT_CONTAINS(verified->verified->text, "step 6: loss");
    }
    fix_events_free(&e);
    fix_finish(&f);
}

TEST(a_damaged_checkpoint_is_passed_over)
{
    char run[32], path[256];

    fix_init(&f);
    setenv("FAKE_STEP_US", "3000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    fix_wait_step(&f, run, 17);
    EXPECT_EQ(fix_stop(&f, SIGKILL), -SIGKILL);
    kill_workers(run, false);
    fix_path(&f, run, "checkpoints/step-00000015/exp_avg.safetensors", path, sizeof path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(pwrite(fd, "x", 1, 3), 1);
    close(fd);
    if (!fix_start(&f))
        return;
    expect_same_end(run, SIZE_MAX);
    struct fix_events e;
    fix_events(&f, run, &e);
    const Bit__JournalRecord *bad = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_BAD);
    if (EXPECT(bad != NULL)) {
        EXPECT_STREQ(bad->bad->name, "step-00000015");
        EXPECT_CONTAINS(bad->bad->text, "exp_avg.safetensors");
    }
    fix_events_free(&e);
    EXPECT_EQ(access(fix_path(&f, run, "checkpoints/step-00000015.bad/MANIFEST", path, sizeof path), F_OK), 0);
    fix_finish(&f);
}

/* ---- full disks */

TEST(the_end_waits_for_its_checkpoint)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_NO_DISK", "9", 1);
    f.args[0] = "--set";
    f.args[1] = "checkpoint_retry=0.02";
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    expect_same_end(run, 0);
    fix_finish(&f);
}

static void wait_blocked(const char *run)
{
    fix_wait_state(&f, run, BIT__RUN_STATE__BLOCKED);
}

/* The journal cannot grow: the run is blocked, and continues by itself when there is room again. */
TEST(a_journal_without_room_blocks_the_run)
{
    char run[32], path[256], text[512];
    struct stat st;
    struct rlimit limit, before;

    fix_init(&f);
    setenv("FAKE_STEP_US", "3000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, spec, run);
    fix_wait_step(&f, run, 6);
    EXPECT_EQ(stat(fix_path(&f, run, "journal", path, sizeof path), &st), 0);
    EXPECT_EQ(prlimit(f.bitd, RLIMIT_FSIZE, NULL, &before), 0);
    limit = (struct rlimit){.rlim_cur = (rlim_t)st.st_size + 100, .rlim_max = before.rlim_max};
    EXPECT_EQ(prlimit(f.bitd, RLIMIT_FSIZE, &limit, NULL), 0);
    wait_blocked(run);
    Bit__PauseRequest m = BIT__PAUSE_REQUEST__INIT;
    m.run = run;
    m.request_id = bit_lend("no");
    EXPECT(fix_refused(&f, BIT_MSG_PAUSE_REQUEST, &m, text, sizeof text) > 0);
    EXPECT_CONTAINS(text, "journal");
    EXPECT_EQ(prlimit(f.bitd, RLIMIT_FSIZE, &before, NULL), 0);
    expect_same_end(run, 0);
    fix_finish(&f);
}

int main(int argc, char **argv)
{
    const char *given = getenv("BITD_SEED");

    seed = given != NULL ? (uint32_t)strtoul(given, NULL, 0) : (uint32_t)time(NULL);
    printf("BITD_SEED=%u\n", seed);
    undisturbed = fix_undisturbed(spec);
    return test_run_all(argc, argv);
}
