/* Which records belong to the run: random journals, compared with a plain simulation of what bitd keeps. */
#include "ctl/client/run_line.h"

#include <math.h>

#include "ctl/client/curve_wish.h"
#include "tests/test.h"

#define RECORDS 400
#define STEPS   64

/* A journal of one run. standing[i]: after i records, the record that each step of the run comes from. */
struct story {
    Bit__JournalRecord record[RECORDS];
    Bit__StepReport step[RECORDS];
    Bit__Rewound rewound[RECORDS];
    Bit__RunResumed resumed[RECORDS];
    uint64_t standing[RECORDS + 1][STEPS + 1]; /* seq of the record; 0: the step is not part of the run */
};

static void go_back(struct story *s, int i, uint64_t to)
{
    for (uint64_t step = to + 1; step <= STEPS; step++)
        s->standing[i + 1][step] = 0;
}

static void make_record(struct story *s, int i, uint64_t *at)
{
    Bit__JournalRecord *r = &s->record[i];
    const int kind = rand() % 20;

    *r = (Bit__JournalRecord)BIT__JOURNAL_RECORD__INIT;
    r->seq = (uint64_t)i + 1;
    memcpy(s->standing[i + 1], s->standing[i], sizeof s->standing[i]);
    if (kind == 0 && *at > 0) {
        s->rewound[i] = (Bit__Rewound)BIT__REWOUND__INIT;
        s->rewound[i].to_step = *at = (uint64_t)rand() % *at;
        r->what_case = BIT__JOURNAL_RECORD__WHAT_REWOUND;
        r->rewound = &s->rewound[i];
        go_back(s, i, *at);
    } else if (kind == 1 && *at > 0) {
        s->resumed[i] = (Bit__RunResumed)BIT__RUN_RESUMED__INIT;
        s->resumed[i].from_step = *at = (uint64_t)rand() % *at;
        s->resumed[i].has_given_up = true;
        s->resumed[i].given_up = rand() % 2;
        r->what_case = BIT__JOURNAL_RECORD__WHAT_RESUMED;
        r->resumed = &s->resumed[i];
        if (s->resumed[i].given_up)
            go_back(s, i, *at);
    } else if (kind > 2 && *at < STEPS) {
        s->step[i] = (Bit__StepReport)BIT__STEP_REPORT__INIT;
        s->step[i].step = ++*at;
        s->step[i].has_link = true;
        s->step[i].link = r->seq * 7919;
        r->what_case = BIT__JOURNAL_RECORD__WHAT_STEP;
        r->step = &s->step[i];
        go_back(s, i, *at - 1);
        s->standing[i + 1][*at] = r->seq;
    } else if (kind == 2) {
        *at = *at > 0 ? (uint64_t)rand() % *at : 0; /* a launch is lost: steps are repeated */
    }
}

static void check_line(struct story *s, uint64_t until, uint64_t link, const uint64_t *standing)
{
    struct bit_run_line line;

    bit_run_line_init(&line, until, link);
    for (int i = 0; i < RECORDS; i++)
        EXPECT_EQ(bit_run_line_note(&line, &s->record[i]), 0);
    for (int i = 0; i < RECORDS; i++)
        if (s->record[i].what_case == BIT__JOURNAL_RECORD__WHAT_STEP) {
            const uint64_t step = s->step[i].step;
            EXPECT_EQ(bit_run_line_has(&line, s->record[i].seq, step),
                      step <= until && standing[step] == s->record[i].seq);
        }
    bit_run_line_finish(&line);
}

TEST(it_is_what_bitd_holds_now_and_at_every_fork)
{
    struct story *s = calloc(1, sizeof *s);

    for (unsigned seed = 1; seed <= 40; seed++) {
        uint64_t at = 0;
        srand(seed);
        memset(s->standing, 0, sizeof s->standing);
        for (int i = 0; i < RECORDS; i++)
            make_record(s, i, &at);
        check_line(s, UINT64_MAX, 0, s->standing[RECORDS]);
        for (int i = 0; i < RECORDS; i += 7) /* a fork after this step has the run as it was then */
            if (s->record[i].what_case == BIT__JOURNAL_RECORD__WHAT_STEP)
                check_line(s, s->step[i].step, s->step[i].link, s->standing[i + 1]);
    }
    free(s);
}

/* After step 4 the run was evaluated and a fork began; the run then went back to 2 and reached 4 again. */
TEST(a_fork_has_the_evaluation_that_came_after_its_step)
{
    struct bit_run_line line;
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;
    Bit__StepReport step = BIT__STEP_REPORT__INIT;
    Bit__Rewound rewound = BIT__REWOUND__INIT;
    static const uint64_t steps[] = {1, 2, 3, 4, 0, 5, 100, 3, 4, 0}; /* 0: an evaluation, 100: back to 2 */

    bit_run_line_init(&line, 4, 4 * 10);
    step.has_link = true;
    rewound.to_step = 2;
    for (size_t i = 0; i < 10; i++) {
        r.seq = i + 1;
        r.what_case = steps[i] == 100 ? BIT__JOURNAL_RECORD__WHAT_REWOUND : BIT__JOURNAL_RECORD__WHAT_STEP;
        step.step = steps[i];
        step.link = i < 6 ? steps[i] * 10 : 1;
        r.step = &step;
        if (steps[i] == 100)
            r.rewound = &rewound;
        if (steps[i] != 0)
            EXPECT_EQ(bit_run_line_note(&line, &r), 0);
    }
    EXPECT_EQ(line.end, 4u);
    EXPECT(bit_run_line_has(&line, 5, 4));
    EXPECT(!bit_run_line_has(&line, 10, 4));
    EXPECT(bit_run_line_has(&line, 4, 4));
    EXPECT(!bit_run_line_has(&line, 9, 4));
    EXPECT(!bit_run_line_has(&line, 6, 5));
    bit_run_line_finish(&line);
}

TEST(wishes_are_read_and_nothing_else)
{
    static const char *const good[] = {"loss",     "norm",         "lr",        "flip",         "zero",          "rate",
                                       "strength", "eval:a.b-c_d", "task:copa", "eval:x:16bit", "task:x:TERNARY"};
    static const char *const bad[] = {"", "Loss", "losses", "eval", "eval:", "eval::16bit", "task:x:8bit", "loss:x"};
    struct bit_curve_wish wish;
    char title[BIT_CURVE_TITLE], text[128];

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        EXPECT(bit_curve_wish_parse(good[i], &wish));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        EXPECT(!bit_curve_wish_parse(bad[i], &wish));
    EXPECT(bit_curve_wish_parse("eval:held:ternary", &wish));
    EXPECT_STREQ(bit_curve_wish_title(&wish, title), "loss of held, ternary");
    snprintf(text, sizeof text, "eval:%0*d", BIT_NAME_MAX, 1);
    EXPECT(bit_curve_wish_parse(text, &wish));
    snprintf(text, sizeof text, "eval:%0*d", BIT_NAME_MAX + 1, 1);
    EXPECT(!bit_curve_wish_parse(text, &wish));
}

TEST(a_loss_that_was_no_number_is_a_gap)
{
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;
    Bit__StepReport m = BIT__STEP_REPORT__INIT;
    struct bit_curve_wish wish;
    uint64_t step;
    double value;

    r.what_case = BIT__JOURNAL_RECORD__WHAT_STEP;
    r.step = &m;
    m.step = 7;
    m.grad_norm = 2;
    m.has_skipped = m.skipped = true;
    EXPECT(bit_curve_wish_parse("loss", &wish));
    EXPECT(bit_curve_wish_value(&wish, &r, UINT64_MAX, &step, &value) && isnan(value));
    EXPECT(bit_curve_wish_parse("norm", &wish));
    EXPECT(bit_curve_wish_value(&wish, &r, UINT64_MAX, &step, &value) && value == 2 && step == 7);
    EXPECT(bit_curve_wish_parse("flip", &wish));
    EXPECT(!bit_curve_wish_value(&wish, &r, UINT64_MAX, &step, &value));
}

TEST_MAIN
