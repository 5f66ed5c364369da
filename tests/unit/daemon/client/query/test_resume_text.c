#include "daemon/client/query/resume_text.h"

#include "proto/check.h"
#include "tests/test.h"

static char text[1024];
static Bit__ScheduleSpec schedule = BIT__SCHEDULE_SPEC__INIT;
static Bit__RunSpec spec = BIT__RUN_SPEC__INIT;

static const char *say(Bit__RunResumed *m)
{
    schedule.cosine_steps = 400;
    schedule.final = 0.1;
    schedule.peak_lr = 0.002;
    spec.schedule = &schedule;
    const struct bit_run run = {.spec = &spec, .resumed = m};

    bit_resume_text(&run, text, sizeof text);
    return text;
}

static Bit__RunResumed failed(const char *reason)
{
    Bit__RunResumed m = BIT__RUN_RESUMED__INIT;

    m.was = BIT__RUN_STATE__FAILED;
    m.reason = bit_lend(reason);
    m.from_step = 40;
    m.checkpoint = bit_lend("step-00000040");
    return m;
}

TEST(what_it_was_and_from_where)
{
    Bit__RunResumed m = failed("rank 1 was ended by signal 9");

    m.again = 5;
    EXPECT_STREQ(say(&m), "failed: rank 1 was ended by signal 9; goes on from step-00000040, 5 steps are done again");
    m.again = 1;
    EXPECT_CONTAINS(say(&m), ", 1 step is done again");
    m.checkpoint = NULL;
    m.again = 0;
    m.was = BIT__RUN_STATE__CANCELLED;
    m.reason = bit_lend("cancelled at step 0"); /* the reason names the state already */
    EXPECT_STREQ(say(&m), "cancelled at step 0; goes on from the beginning");
}

TEST(what_becomes_of_the_schedule)
{
    Bit__RunResumed m = failed("every step done");

    m.was = BIT__RUN_STATE__COMPLETED;
    m.has_steps = true;
    m.steps = 800;
    EXPECT_CONTAINS(say(&m),
                    "800 steps now; the cosine ends at step 400 as before, and the rate stays 0.0002 after it");
    m.steps = 300;
    EXPECT(strstr(say(&m), "cosine") == NULL);
    m.has_cosine_steps = true;
    EXPECT_CONTAINS(say(&m), "the learning rates from here on are different");
}

TEST(a_file_is_named_once)
{
    Bit__RunResumed m = failed("/a/b.npy: written to since the run began");

    m.other_data = bit_lend("/a/b.npy: written to since the run began");
    EXPECT_CONTAINS(say(&m), "; with the file as it is now");
    m.reason = bit_lend("rank 1 was ended by signal 9");
    EXPECT_CONTAINS(say(&m), "; with /a/b.npy: written to since the run began");
}

TEST_MAIN
