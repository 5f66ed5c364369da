/* The phase switch: scheduled, from the first step, moved during the run, but not to a step that is already ordered. */
#include <signal.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/daemon/fixture.h"

static struct fix f;
static char text[1024];

static Bit__SwitchRequest *request(const char *run, const char *id, uint64_t at)
{
    static Bit__SwitchRequest m;

    bit__switch_request__init(&m);
    m.run = bit_lend(run);
    m.request_id = bit_lend(id);
    m.has_at_step = at != UINT64_MAX;
    m.at_step = at;
    return &m;
}

/* The last 16-bit step in the journal. No 16-bit step may come after a ternary one. */
static uint64_t last_sixteen_bit(const char *run)
{
    struct fix_events e;
    uint64_t last = 0;
    bool ternary = false;

    fix_events(&f, run, &e);
    for (size_t i = 0; i < e.count; i++) {
        if (e.record[i]->what_case != BIT__JOURNAL_RECORD__WHAT_STEP)
            continue;
        const Bit__StepReport *step = e.record[i]->step;
        bool now = step->precision == BIT__PRECISION__TERNARY;
        EXPECT(now || !ternary);
        ternary = now;
        if (!now)
            last = step->step;
    }
    fix_events_free(&e);
    return last;
}

TEST(from_the_first_step)
{
    char run[32];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "phases.switch.at_step=0", run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_EQ(last_sixteen_bit(run), 0);
    fix_finish(&f);
}

TEST(moves_while_the_run_runs)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "10000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "phases.switch.at_step=30\nschedule.steps=60", run);
    fix_wait_step(&f, run, 3);
    Bit__SwitchRequest *m = request(run, "move", 40);
    m->has_optimizer = true;
    m->optimizer = BIT__OPTIMIZER_AT_SWITCH__RESET;
    for (int i = 0; i < 2; i++) { /* the second is a repeated request */
        Bit__DoneReply *reply = fix_expect(&f, BIT_MSG_SWITCH_REQUEST, m, BIT_MSG_DONE_REPLY);
        if (reply != NULL)
            EXPECT_EQ(reply->step, 40);
        bit_msg_free(reply);
    }
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_EQ(last_sixteen_bit(run), 40);
    struct fix_events e;
    fix_events(&f, run, &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_SWITCH_PLANNED), 1);
    const Bit__JournalRecord *switched = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_SWITCHED);
    if (EXPECT(switched != NULL)) {
        EXPECT_EQ(switched->switched->optimizer_step_before, 40);
        EXPECT_EQ(switched->switched->phase->optimizer_step, 0);
    }
    fix_events_free(&e);
    EXPECT(fix_refused(&f, BIT_MSG_SWITCH_REQUEST, request(run, "late", 50), text, sizeof text) > 0);
    EXPECT_CONTAINS(text, "has switched after step 40");
    fix_finish(&f);
}

TEST(now_is_the_earliest_step_not_promised)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "10000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=60", run); /* no switch */
    fix_wait_step(&f, run, 5);
    EXPECT(fix_refused(&f, BIT_MSG_SWITCH_REQUEST, request(run, "past", 2), text, sizeof text) > 0);
    EXPECT_CONTAINS(text, "the earliest is");
    Bit__SwitchRequest *m = request(run, "now", UINT64_MAX);
    m->has_now = m->now = true;
    Bit__DoneReply *reply = fix_expect(&f, BIT_MSG_SWITCH_REQUEST, m, BIT_MSG_DONE_REPLY);
    uint64_t at = reply ? reply->step : 0;
    bit_msg_free(reply);
    EXPECT(at >= 5 && at <= 20);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_EQ(last_sixteen_bit(run), at);
    fix_finish(&f);
}

TEST(a_cancelled_switch_does_not_happen)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "5000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "phases.switch.at_step=14", run);
    Bit__SwitchRequest *m = request(run, "none", UINT64_MAX);
    m->has_cancel = m->cancel = true;
    bit_msg_free(fix_expect(&f, BIT_MSG_SWITCH_REQUEST, m, BIT_MSG_DONE_REPLY));
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    EXPECT_EQ(last_sixteen_bit(run), 16);
    fix_finish(&f);
}

/* In the 16-bit phase two evaluations, of the weights as they are and as ternary; in the ternary phase one; at every
 * fourth step and at the end. */
TEST(evaluates_in_both_phases)
{
    char run[32], more[256];

    fix_init(&f);
    if (!fix_start(&f))
        return;
    snprintf(more, sizeof more, "phases.switch.at_step=8\neval.every=4\neval.instances=5");
    Bit__SubmitRequest m = BIT__SUBMIT_REQUEST__INIT;
    m.spec = fix_spec(&f, more);
    Bit__EvalSet set = BIT__EVAL_SET__INIT, *sets[] = {&set};
    char *paths[] = {f.eval};
    set.name = bit_lend("held-out");
    set.n_path = 1;
    set.path = paths;
    m.spec->eval->n_set = 1;
    m.spec->eval->set = sets;
    m.request_id = bit_lend("eval");
    Bit__SubmitReply *reply = fix_expect(&f, BIT_MSG_SUBMIT_REQUEST, &m, BIT_MSG_SUBMIT_REPLY);
    m.spec->eval->n_set = 0;
    m.spec->eval->set = NULL;
    bit_msg_free(m.spec);
    snprintf(run, sizeof run, "%s", reply ? reply->run : "");
    bit_msg_free(reply);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    struct fix_events e;
    fix_events(&f, run, &e);
    EXPECT_EQ(fix_count(&e, BIT__JOURNAL_RECORD__WHAT_EVALUATED), 2 + 2 + 1 + 1);
    const Bit__JournalRecord *last = fix_last(&e, BIT__JOURNAL_RECORD__WHAT_EVALUATED);
    if (EXPECT(last != NULL)) {
        EXPECT_EQ(last->evaluated->after_step, 16);
        EXPECT_EQ(last->evaluated->targets, 5 * 15);
        EXPECT_EQ(last->evaluated->precision, BIT__PRECISION__TERNARY);
    }
    fix_events_free(&e);
    fix_finish(&f);
}

TEST_MAIN
