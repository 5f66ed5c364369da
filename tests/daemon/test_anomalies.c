/*
 * What bitd does about anomalous steps, and that it does the same again after a kill. The bad batch is identified by
 * its checksum, so that it is bad at whatever step the data order puts it.
 */
#include <signal.h>
#include <unistd.h>

#include "daemon/store/journal/journal.h"
#include "daemon/store/journal/journal_record.h"
#include "proto/check.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;
static char bad[16]; /* the checksum of step 40's batch */

#define SPEC "schedule.steps=60\ncheckpoint.every=10\nguard.window=16\nlaunch.max_restarts=8\n"

/* Reads the checksum from step 40 of an undisturbed run. */
TEST(first_find_the_batch)
{
    char run[32];
    struct fix_events e;

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, SPEC, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_events(&f, run, &e);
    for (size_t i = 0; i < e.count; i++) {
        const Bit__JournalRecord *r = e.record[i];
        if (r->what_case != BIT__JOURNAL_RECORD__WHAT_STEP)
            continue;
        EXPECT_EQ(r->step->position, r->step->step);
        EXPECT(r->step->has_link && r->step->n_anomaly == 0);
        if (r->step->step == 40)
            snprintf(bad, sizeof bad, "%u", r->step->token_crc);
    }
    fix_events_free(&e);
    EXPECT(bad[0] != '\0');
    fix_finish(&f);
}

static const Bit__StepReport *last_report(const struct fix_events *e, uint64_t step)
{
    const Bit__StepReport *found = NULL;

    for (size_t i = 0; i < e->count; i++)
        if (e->record[i]->what_case == BIT__JOURNAL_RECORD__WHAT_STEP && e->record[i]->step->step == step)
            found = e->record[i]->step;
    return found;
}

static void kill_workers(const char *run)
{
    pid_t pids[16];
    int count = fix_workers(&f, run, pids, 16);

    for (int i = 0; i < count; i++)
        kill(pids[i], SIGKILL);
}

/* The bounds are rebuilt from the journal, so exactly the same steps are skipped again. */
TEST(a_spike_is_skipped_again_after_a_kill)
{
    uint64_t digest[2] = {0, 0};

    for (int killed = 0; killed < 2; killed++) {
        char run[32];
        struct fix_events e;
        fix_init(&f);
        setenv("FAKE_SPIKE", bad, 1);
        setenv("FAKE_STEP_US", "2000", 1);
        if (!fix_start(&f))
            return;
        fix_submit(&f, SPEC "guard.spike=SKIP_STEP", run);
        if (killed) {
            fix_wait_step(&f, run, 43);
            kill_workers(run);
        }
        EXPECT_EQ(fix_wait_end(&f, run, &digest[killed]), 0);
        fix_events(&f, run, &e);
        const Bit__StepReport *report = last_report(&e, 40);
        if (EXPECT(report != NULL && report->n_anomaly == 1)) {
            EXPECT(report->skipped);
            EXPECT_EQ(report->anomaly[0]->kind, BIT__ANOMALY_KIND__LOSS_SPIKE);
            EXPECT_EQ(report->anomaly[0]->action, BIT__GUARD_ACTION__SKIP_STEP);
        }
        for (size_t i = 0; i < e.count; i++)
            if (e.record[i]->what_case == BIT__JOURNAL_RECORD__WHAT_VERIFIED)
                EXPECT(e.record[i]->verified->equal);
        fix_events_free(&e);
        Bit__RunStatus *status = fix_status(&f, run);
        if (status != NULL)
            EXPECT_EQ(status->skipped, 1);
        bit_msg_free(status);
        fix_finish(&f);
    }
    EXPECT_EQ(digest[0], digest[1]);
}

static const char rewinds[] = SPEC "guard.spike=REWIND\nguard.rewind_steps=5\nguard.skip_batches=3";

static void check_rewound(const char *run, size_t times)
{
    struct fix_events e;

    fix_events(&f, run, &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_REWOUND), times);
    const Bit__JournalRecord *r = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_REWOUND);
    if (EXPECT(r != NULL)) {
        EXPECT_EQ(r->rewound->to_step, 30);
        EXPECT_EQ(r->rewound->at_step, 40);
        EXPECT_EQ(r->rewound->skip, 10); /* not skip_batches=3, which would not reach past the bad batch */
    }
    EXPECT_EQ(last_report(&e, 30)->position, 30);
    EXPECT_EQ(last_report(&e, 31)->position, 41);
    EXPECT_EQ(last_report(&e, 60)->position, 70);
    EXPECT_EQ(last_report(&e, 40)->n_anomaly, 0);
    fix_events_free(&e);
}

TEST(a_spike_is_rewound_and_its_batches_left_out)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_SPIKE", bad, 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, rewinds, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    check_rewound(run, 1);
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL) {
        EXPECT_EQ(status->rewinds, 1);
        EXPECT_EQ(status->restarts, 0); /* a rewind is no restart */
    }
    bit_msg_free(status);
    fix_finish(&f);
}

struct find {
    uint64_t end, behind_step;
};

static int find_spike(void *arg, const Bit__JournalRecord *record)
{
    struct find *find = arg;

    find->end += BIT_JOURNAL_HEADER_BYTES + bit__journal_record__get_packed_size(record);
    if (record->what_case == BIT__JOURNAL_RECORD__WHAT_STEP && record->step->n_anomaly > 0)
        find->behind_step = find->end;
    return 0;
}

/* bitd is killed after the report and before the rewind: the next bitd makes the rewind. */
TEST(a_rewind_that_was_due_is_made_after_a_kill)
{
    char run[32], path[256];
    struct find find = {0};
    struct bit_journal journal;
    uint64_t cut, digest = 0, again = 0;

    fix_init(&f);
    setenv("FAKE_SPIKE", bad, 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, rewinds, run);
    EXPECT_EQ(fix_wait_end(&f, run, &digest), 0);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    EXPECT_EQ(bit_journal_open(fix_path(&f, run, "journal", path, sizeof path), find_spike, &find, &journal, &cut), 0);
    bit_journal_close(&journal);
    EXPECT(find.behind_step > 0);
    EXPECT_EQ(truncate(path, (off_t)find.behind_step), 0);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, &again), 0);
    EXPECT_EQ(again, digest);
    check_rewound(run, 1);
    fix_finish(&f);
}

TEST(a_straggler_is_named_and_the_doctor_knows)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_SLOW", "1", 1);
    setenv("FAKE_STEP_US", "1000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=200000\nschedule.cosine_steps=200000\nguard.straggler_steps=10", run);
    fix_wait_step(&f, run, 20);
    Bit__DoctorRequest m = BIT__DOCTOR_REQUEST__INIT;
    m.run = run;
    Bit__DoctorReply *reply = fix_expect(&f, BIT_MSG_DOCTOR_REQUEST, &m, BIT_MSG_DOCTOR_REPLY);
    if (reply != NULL && EXPECT_EQ(reply->n_rank, 2)) {
        EXPECT(reply->rank[1]->ratio > 1.5 && reply->rank[0]->ratio < 1.1);
        EXPECT(reply->has_report_s && reply->has_disk_free && reply->watchdog_s > 0);
        bool said = false;
        for (size_t i = 0; i < reply->n_finding; i++)
            said |= strcmp(reply->finding[i]->about, "straggler") == 0;
        EXPECT(said);
        EXPECT_EQ(reply->status->anomalies, 1);
        EXPECT_STREQ(reply->status->anomaly[0]->what->place, "backward");
        EXPECT_EQ(reply->status->anomaly[0]->what->rank, 1);
    }
    bit_msg_free(reply);
    fix_finish(&f);
}

TEST(a_resume_that_differs_ends_the_run_where_the_spec_says_so)
{
    char run[32], once[128];

    fix_init(&f);
    snprintf(once, sizeof once, "%s/once", f.dir);
    setenv("FAKE_ONCE", once, 1);
    setenv("FAKE_DIE_AT", "18", 1);
    setenv("FAKE_DRIFT", "1", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, SPEC "guard.resume=STOP", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), BIT_EXIT_POLICY);
    Bit__RunStatus *status = fix_status(&f, run);
    if (status != NULL) {
        EXPECT_CONTAINS(status->reason, "the resume differs: step 11: loss 0x");
        if (EXPECT(status->verified != NULL)) {
            EXPECT_EQ(status->verified->step, 11);
            EXPECT_STREQ(status->verified->field, "loss");
        }
    }
    bit_msg_free(status);
    fix_finish(&f);
}

TEST_MAIN
