#include "ctl/show/diff.h"

#include "proto/check.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"
#include "tests/test.h"

static void launched(struct bit_diff_steps *s, uint32_t attempt, uint32_t ranks)
{
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;
    Bit__WorkerLaunched l = BIT__WORKER_LAUNCHED__INIT;
    Bit__WorkerReady ready = BIT__WORKER_READY__INIT;

    l.attempt = attempt;
    r.what_case = BIT__JOURNAL_RECORD__WHAT_LAUNCHED;
    r.launched = &l;
    EXPECT_EQ(bit_diff_note(s, &r), 0);
    ready.backend = (char *)(uintptr_t) "cpu";
    ready.has_ranks = true;
    ready.ranks = ranks;
    r.what_case = BIT__JOURNAL_RECORD__WHAT_READY;
    r.ready = &ready;
    EXPECT_EQ(bit_diff_note(s, &r), 0);
}

static void steps(struct bit_diff_steps *s, uint64_t from, uint64_t to, double loss)
{
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;
    Bit__TimeSplit split = BIT__TIME_SPLIT__INIT;
    Bit__StepReport m = BIT__STEP_REPORT__INIT;

    m.split = &split;
    m.precision = BIT__PRECISION__SIXTEEN_BIT;
    r.what_case = BIT__JOURNAL_RECORD__WHAT_STEP;
    r.step = &m;
    for (m.step = from; m.step <= to; m.step++) {
        m.loss = loss + (double)m.step;
        EXPECT_EQ(bit_diff_note(s, &r), 0);
    }
}

TEST(a_step_counts_as_it_was_done_last)
{
    struct bit_diff_steps a = {0}, b = {0};
    struct bit_diff_result r;

    launched(&a, 1, 2);
    steps(&a, 1, 600, 0);
    launched(&b, 1, 2);
    steps(&b, 1, 400, 0);
    steps(&b, 301, 500, 0.5); /* repeated, with other losses */
    bit_diff_compare(&a, &b, &r);
    EXPECT(r.comparable);
    EXPECT_EQ(r.from, 1);
    EXPECT_EQ(r.to, 500);
    EXPECT_EQ(r.step, 301);
    EXPECT_STREQ(r.first.field, "loss");
    bit_diff_finish(&a);
    bit_diff_finish(&b);
}

TEST(attempts_of_one_run)
{
    struct bit_diff_steps one = {.wanted = 1}, two = {.wanted = 2};
    struct bit_diff_result r;

    for (int i = 0; i < 2; i++) {
        struct bit_diff_steps *s = i == 0 ? &one : &two;
        launched(s, 1, 2);
        steps(s, 1, 20, 0);
        launched(s, 2, 4);
        steps(s, 11, 30, 0.25);
    }
    bit_diff_compare(&one, &two, &r);
    EXPECT_EQ(r.from, 11);
    EXPECT_EQ(r.to, 20);
    EXPECT(!r.comparable);
    EXPECT_STREQ(r.machines, "ranks 2 -> 4");
    EXPECT_EQ(r.step, 0); /* losses of other numbers of ranks are not compared */
    bit_diff_finish(&one);
    bit_diff_finish(&two);
}

TEST(what_was_rewound_is_no_more)
{
    struct bit_diff_steps a = {0};
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;
    Bit__Rewound m = BIT__REWOUND__INIT;
    struct bit_diff_result result;

    m.to_step = 10;
    r.what_case = BIT__JOURNAL_RECORD__WHAT_REWOUND;
    r.rewound = &m;
    steps(&a, 1, 20, 0);
    EXPECT_EQ(bit_diff_note(&a, &r), 0);
    EXPECT(bit_diff_fact(&a, 10) != NULL && bit_diff_fact(&a, 11) == NULL);
    bit_diff_compare(&a, &a, &result);
    EXPECT_EQ(result.to, 10);
    bit_diff_finish(&a);
    bit_diff_compare(&a, &a, &result);
    EXPECT(result.from > result.to); /* nothing was compared, which does not mean equal */
}

TEST(settings_that_differ_have_their_paths)
{
    static const char *const text[] = {
        "model { preset: 'olmo_20m' } data { train: '/a' train: '/b' } schedule { steps: 3000 peak_lr: 3e-4 }",
        "model { preset: 'olmo_20m' } data { train: '/a' } schedule { steps: 3000 }"
        "phases { switch { at_step: 7 optimizer: RESET } }"};
    struct bit_diff_setting out[BIT_DIFF_SETTINGS_MAX];
    struct bit_problems problems = {0};
    ProtobufCMessage *spec[2] = {NULL, NULL};

    for (int i = 0; i < 2; i++)
        EXPECT_EQ(bit_text_parse(&bit__run_spec__descriptor, text[i], strlen(text[i]), &spec[i], &problems), 0);
    size_t count = bit_diff_settings((Bit__RunSpec *)spec[0], (Bit__RunSpec *)spec[1], NULL, out);
    EXPECT_EQ(count, 4);
    EXPECT_STREQ(out[0].path, "data.train[1]");
    EXPECT_STREQ(out[0].a, "/b");
    EXPECT_STREQ(out[0].b, "-");
    EXPECT_STREQ(out[1].path, "schedule.peak_lr");
    EXPECT_STREQ(out[1].a, "0.0003");
    EXPECT_STREQ(out[2].path, "phases.switch.at_step");
    EXPECT_STREQ(out[3].path, "phases.switch.optimizer");
    EXPECT_STREQ(out[3].b, "RESET");
    EXPECT_EQ(bit_diff_settings((Bit__RunSpec *)spec[0], (Bit__RunSpec *)spec[0], NULL, out), 0);
    EXPECT_EQ(bit_diff_settings((Bit__RunSpec *)spec[0], (Bit__RunSpec *)spec[0], "schedule.steps", out), 1);
    EXPECT_STREQ(out[0].a, "3000");
    bit_msg_free(spec[0]);
    bit_msg_free(spec[1]);
}

static Bit__Change change(const char *setting, const char *was, const char *is, uint64_t event)
{
    Bit__Change c = BIT__CHANGE__INIT;

    c.setting = bit_lend(setting);
    c.was = bit_lend(was);
    c.is = bit_lend(is);
    c.event = event;
    c.step = event;
    return c;
}

TEST(an_attempt_has_the_settings_that_it_had)
{
    static const char text[] =
        "schedule { steps: 40 } launch { ranks: 4 } phases { switch { at_step: 9 optimizer: RESET } }";
    struct bit_problems problems = {0};
    ProtobufCMessage *spec = NULL;
    Bit__Change changes[] =
        {
            change("phases.switch.at_step", "-", "7", 10), change("phases.switch.optimizer", "-", "KEEP", 10),
            change("phases.switch.at_step", "7", "9", 20), change("phases.switch.optimizer", "KEEP", "RESET", 20),
            change("launch.ranks", "2", "4", 30),          change("schedule.steps", "30", "40", 40),
        },
                *list[6];

    for (size_t i = 0; i < 6; i++)
        list[i] = &changes[i];
    EXPECT_EQ(bit_text_parse(&bit__run_spec__descriptor, text, sizeof text - 1, &spec, &problems), 0);
    Bit__RunSpec *s = (Bit__RunSpec *)spec;
    EXPECT_EQ(bit_diff_take_back(s, list, 6, 0), 6); /* 0: undo nothing */
    EXPECT_EQ(s->schedule->steps, 40);
    EXPECT_EQ(bit_diff_take_back(s, list, 6, 30), 4);
    EXPECT_EQ(s->schedule->steps, 30);
    EXPECT_EQ(s->launch->ranks, 2);
    EXPECT_EQ(s->phases->switch_->at_step, 9);
    EXPECT_EQ(bit_diff_take_back(s, list, 4, 20), 2);
    EXPECT_EQ(s->phases->switch_->at_step, 7);
    EXPECT_EQ(s->phases->switch_->optimizer, BIT__OPTIMIZER_AT_SWITCH__KEEP);
    EXPECT_EQ(bit_diff_take_back(s, list, 2, 1), 0);
    EXPECT(s->phases->switch_ == NULL);
    EXPECT(bit_diff_changed_midway(list, 6, "launch.ranks") && !bit_diff_changed_midway(list, 4, "launch.ranks"));
    bit_msg_free(spec);
}

TEST_MAIN
