/*
 * bitd with 512 ranks, each on its own link over TCP (fleet.c): all connect at their first attempt, steps are recorded,
 * the slow rank and the mute rank are named, all reconnect after bitd was killed, and all are heard at the end.
 * BIT_FLEET_RANKS sets another number of ranks, for runs by hand.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/limits.h"
#include "tests/daemon/fleet_run.h"
#include "tests/sanitizer.h"

#define RANKS (TEST_SANITIZED ? 64u : 512u)

static struct fix f;
static char run[32];

static unsigned ranks(void)
{
    const char *const wanted = getenv("BIT_FLEET_RANKS");

    return wanted == NULL ? RANKS : (unsigned)strtoul(wanted, NULL, 10);
}

static unsigned someone(void)
{
    return ranks() * 3 / 5;
}

/* bitd's log has the ranks with the longest gaps between heartbeats: eight for each launch. */
static void expect_few_gaps_logged(size_t launches)
{
    char line[1024];
    size_t count = 0;
    FILE *file = fopen(f.log, "re");

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        count += strstr(line, "heartbeats ") != NULL && strstr(line, " max_ms=") != NULL;
    if (file != NULL)
        fclose(file);
    EXPECT(count >= 8 && count <= 8 * launches);
}

static void expect_launches(size_t launched, size_t lost)
{
    struct fix_events e;

    fix_events(&f, run, &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_LAUNCHED), launched);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_LOST), lost);
    const Bit__JournalRecord *done = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_RANKS_DONE);
    if (EXPECT(done != NULL))
        EXPECT_EQ(done->ranks_done->ranks, ranks());
    fix_events_free(&e);
}

TEST(all_are_greeted_train_and_are_done)
{
    fix_init(&f);
    setenv("FAKE_LOG", "1", 1);
    if (!fleet_begin(&f, FLEET_PATIENT))
        return;
    fleet_submit(&f, ranks(), "", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    expect_launches(1, 0);
    EXPECT_EQ(fleet_failed_attempts(&f, run), 0u);
    fix_finish(&f);
}

static unsigned times_named(const Bit__StepReport *step, uint32_t rank)
{
    unsigned named = 0;

    for (size_t i = 0; i < step->n_anomaly; i++)
        named += step->anomaly[i]->kind == BIT__ANOMALY_KIND__STRAGGLER && step->anomaly[i]->rank == rank;
    return named;
}

TEST(the_slow_one_is_named)
{
    struct fix_events e;
    char slow[16];
    unsigned named = 0;

    snprintf(slow, sizeof slow, "%u", someone());
    fix_init(&f);
    setenv("FAKE_SLOW", slow, 1);
    if (!fleet_begin(&f, FLEET_PATIENT))
        return;
    fleet_submit(&f, ranks(), "guard.straggler_steps=8", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_events(&f, run, &e);
    for (size_t i = 0; i < e.count; i++)
        if (e.record[i]->what_case == BIT__JOURNAL_RECORD__WHAT_STEP)
            named += times_named(e.record[i]->step, someone());
    EXPECT_EQ(named, 1u);
    fix_events_free(&e);
    fix_finish(&f);
}

/* bitd is killed; the ranks continue and reconnect to the next bitd before the run's last step. */
TEST(a_bitd_that_was_killed_has_all_of_them_back)
{
    fix_init(&f);
    setenv("FAKE_STEP_US", "50000", 1);
    if (!fleet_begin(&f, FLEET_PATIENT))
        return;
    fleet_submit(&f, ranks(), "schedule.steps=40", run);
    fix_wait_step(&f, run, 4);
    fix_stop(&f, SIGKILL);
    if (!fix_start(&f))
        return;
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    expect_launches(1, 0);
    fix_finish(&f);
}

/* A rank falls mute at FAKE_MUTE_AT=`at`: the first launch is lost with this cause, and the next one trains. */
static void expect_mute_named(const char *at, const char *heartbeat, const char *fence, const char *cause)
{
    struct fix_events e;
    char once[128], mute[16];

    fix_init(&f);
    snprintf(once, sizeof once, "%s/muted", f.dir);
    snprintf(mute, sizeof mute, "%u", someone());
    setenv("FAKE_MUTE", mute, 1);
    setenv("FAKE_MUTE_AT", at, 1);
    setenv("FAKE_ONCE", once, 1);
    setenv("FAKE_STEP_US", "50000", 1);
    f.args[8] = "--set"; /* after fleet_begin's */
    f.args[9] = fence;
    if (!fleet_begin(&f, heartbeat))
        return;
    fleet_submit(&f, ranks(), "schedule.steps=40\nlaunch.max_restarts=1", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    fix_events(&f, run, &e);
    const Bit__JournalRecord *lost = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_LOST);
    if (EXPECT(lost != NULL)) {
        EXPECT_EQ(lost->lost->rank, someone());
        EXPECT_CONTAINS(lost->lost->cause, cause);
    }
    fix_events_free(&e);
    expect_launches(2, 1);
    expect_few_gaps_logged(2);
    fix_finish(&f);
}

TEST(the_mute_one_is_named_and_the_run_goes_on)
{
    expect_mute_named("10", "heartbeat_timeout=3", "fence_timeout=60", "hangs: ");
}

TEST(one_that_was_greeted_and_never_beat_is_named)
{
    expect_mute_named("greeted", "heartbeat_timeout=3", "fence_timeout=60",
                      "hangs: no heartbeat for 3 s after it connected");
}

/* bitd waits heartbeat_timeout + fence_timeout: a rank that cannot reach bitd exits after fence_timeout. */
TEST(one_that_never_connected_is_named)
{
    expect_mute_named("never", "heartbeat_timeout=3", "fence_timeout=4",
                      "hangs: it did not connect within 7 s after rank 0");
}

/* doctor lists each reported rank once and counts the others. */
static void expect_doctor_tells(void)
{
    Bit__DoctorRequest m = BIT__DOCTOR_REQUEST__INIT;

    m.run = run;
    Bit__DoctorReply *reply = fix_expect(&f, BIT_MSG_DOCTOR_REQUEST, &m, BIT_MSG_DOCTOR_REPLY);
    if (reply == NULL)
        return;
    EXPECT_EQ(reply->n_rank + reply->ranks_not_told, (size_t)ranks());
    EXPECT(ranks() <= BIT_RANKS_TOLD_MAX ? !reply->has_ranks_not_told
                                         : reply->n_rank <= BIT_RANKS_QUANTILES + BIT_RANKS_SLOWEST);
    for (size_t i = 1; i < reply->n_rank; i++)
        EXPECT(reply->rank[i]->rank > reply->rank[i - 1]->rank && reply->rank[i]->split->backward > 0);
    bit_msg_free(reply);
}

/* Otherwise a rank other than 0 would send the refused record again on each new link. */
TEST(one_that_sends_too_much_ends_the_launch)
{
    struct fix_events e;
    char who[16], cause[64];

    snprintf(who, sizeof who, "%u", someone());
    fix_init(&f);
    setenv("FAKE_LONG", who, 1);
    setenv("FAKE_STEP_US", "50000", 1);
    if (!fleet_begin(&f, FLEET_PATIENT))
        return;
    fleet_submit(&f, ranks(), "schedule.steps=60\nlaunch.max_restarts=0", run);
    EXPECT(fix_wait_end(&f, run, NULL) != 0);
    fix_events(&f, run, &e);
    const Bit__JournalRecord *lost = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_LOST);
    if (EXPECT(lost != NULL)) {
        snprintf(cause, sizeof cause, "rank %s sent an invalid message: a record of", who);
        EXPECT_EQ(lost->lost->rank, someone());
        EXPECT_CONTAINS(lost->lost->cause, cause);
    }
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_LAUNCHED), 1u);
    fix_events_free(&e);
    fix_finish(&f);
}

TEST(a_cancelled_one_is_done_with_all_of_them)
{
    Bit__CancelRequest m = BIT__CANCEL_REQUEST__INIT;

    fix_init(&f);
    setenv("FAKE_STEP_US", "50000", 1);
    if (!fleet_begin(&f, FLEET_PATIENT))
        return;
    fleet_submit(&f, ranks(), "schedule.steps=100000", run);
    fix_wait_step(&f, run, 3);
    expect_doctor_tells();
    m.run = run;
    m.request_id = bit_lend("cancel");
    bit_msg_free(fix_expect(&f, BIT_MSG_CANCEL_REQUEST, &m, BIT_MSG_DONE_REPLY));
    fix_wait_state(&f, run, BIT__RUN_STATE__CANCELLED);
    expect_launches(1, 0);
    fix_finish(&f);
}

TEST_MAIN
