#include "daemon/run/changes.h"

#include "proto/check.h"
#include "proto/wire/msg.h"
#include "tests/spec_of.h"
#include "tests/test.h"

static struct bit_changes_state state(bool planned, uint64_t at, Bit__OptimizerAtSwitch optimizer, uint32_t ranks)
{
    return (struct bit_changes_state){
        .plan = {.planned = planned, .at_step = at, .optimizer = optimizer}, .ranks = ranks, .steps = 30};
}

TEST(each_setting_that_a_record_changed_and_no_other)
{
    const struct bit_changes_state first = state(true, 15, BIT__OPTIMIZER_AT_SWITCH__KEEP, 2),
                                   second = state(true, 20, BIT__OPTIMIZER_AT_SWITCH__RESET, 2),
                                   third = state(false, 20, BIT__OPTIMIZER_AT_SWITCH__RESET, 4),
                                   same = state(false, 99, BIT__OPTIMIZER_AT_SWITCH__KEEP, 4);
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;
    Bit__SwitchPlanned planned = BIT__SWITCH_PLANNED__INIT;
    struct bit_changes *c = NULL;

    r.seq = 7;
    r.time_ns = 70;
    r.what_case = BIT__JOURNAL_RECORD__WHAT_SWITCH_PLANNED;
    r.switch_planned = &planned;
    planned.has_uid = true;
    planned.uid = 1000;
    EXPECT_EQ(bit_changes_note(&c, &r, 4, &first, &first), 0);
    EXPECT(c == NULL); /* no change, no allocation */
    EXPECT_EQ(bit_changes_note(&c, &r, 4, &first, &second), 0);
    EXPECT_EQ(c->count, 2);
    const struct bit_change *at = bit_changes_at(c, 2, 0), *optimizer = bit_changes_at(c, 2, 1);
    EXPECT_STREQ(at->setting, "phases.switch.at_step");
    EXPECT_STREQ(at->was, "15");
    EXPECT_STREQ(at->is, "20");
    EXPECT(at->event == 7 && at->time_ns == 70 && at->step == 4 && at->has_uid && at->uid == 1000);
    EXPECT_STREQ(optimizer->was, "KEEP");
    EXPECT_STREQ(optimizer->is, "RESET");
    EXPECT_EQ(bit_changes_note(&c, &r, 5, &second, &third), 0);
    EXPECT_EQ(c->count, 5);
    EXPECT_STREQ(bit_changes_at(c, 3, 0)->is, "-");
    EXPECT_STREQ(bit_changes_at(c, 1, 0)->setting, "launch.ranks");
    EXPECT_EQ(bit_changes_note(&c, &r, 5, &third, &same), 0); /* no switch is planned: its fields are ignored */
    EXPECT_EQ(c->count, 5);
    free(c);
}

TEST(the_newest_are_remembered_and_all_are_counted)
{
    Bit__JournalRecord r = BIT__JOURNAL_RECORD__INIT;
    struct bit_changes *c = NULL;

    for (uint32_t i = 1; i <= BIT_CHANGES_MAX + 3; i++) {
        const struct bit_changes_state was = state(false, 0, BIT__OPTIMIZER_AT_SWITCH__KEEP, i),
                                       is = state(false, 0, BIT__OPTIMIZER_AT_SWITCH__KEEP, i + 1);
        r.seq = i;
        EXPECT_EQ(bit_changes_note(&c, &r, i, &was, &is), 0);
    }
    EXPECT_EQ(c->count, BIT_CHANGES_MAX + 3);
    EXPECT_EQ(bit_changes_at(c, BIT_CHANGES_MAX, 0)->event, 4);
    EXPECT_EQ(bit_changes_at(c, BIT_CHANGES_MAX, BIT_CHANGES_MAX - 1)->event, BIT_CHANGES_MAX + 3);
    free(c);
}

TEST(a_specification_as_it_is_carried_out)
{
    const struct bit_switch_plan moved = {.planned = true, .at_step = 9, .optimizer = BIT__OPTIMIZER_AT_SWITCH__RESET},
                                 none = {0};
    Bit__RunSpec *with = test_spec_parse("phases { switch { at_step: 7 ramp_steps: 3 } }"),
                 *without = test_spec_parse("name: 'x'");
    Bit__RunSpec *got[] = {bit_changes_effective(with, &moved), bit_changes_effective(with, &none),
                           bit_changes_effective(without, &moved), bit_changes_effective(without, &none)};

    EXPECT(got[0]->phases->switch_->at_step == 9 && got[0]->phases->switch_->ramp_steps == 3);
    EXPECT_EQ(got[0]->phases->switch_->optimizer, BIT__OPTIMIZER_AT_SWITCH__RESET);
    EXPECT(got[1]->phases->switch_ == NULL);
    EXPECT_EQ(got[2]->phases->switch_->at_step, 9);
    EXPECT(got[3]->phases == NULL);
    EXPECT_EQ(with->phases->switch_->at_step, 7);
    for (size_t i = 0; i < BIT_COUNT(got); i++)
        bit_msg_free(got[i]);
    bit_msg_free(with);
    bit_msg_free(without);
}

TEST_MAIN
