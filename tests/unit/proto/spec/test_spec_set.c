/* Single fields, set as `--set` does. */
#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "tests/unit/proto/spec/spec_problems.h"

static int set(Bit__RunSpec *spec, const char *assignment)
{
    test_problems.count = 0;
    return bit_spec_set(spec, assignment, &test_problems);
}

TEST(set_replaces_makes_and_appends)
{
    Bit__RunSpec *spec = test_spec_parse(SMALL);

    EXPECT_EQ(set(spec, "schedule.peak_lr=3e-4"), 0);
    EXPECT_EQ(spec->schedule->peak_lr, 3e-4);
    EXPECT_EQ(set(spec, "schedule.peak_lr=1e-4"), 0);
    EXPECT_EQ(spec->schedule->peak_lr, 1e-4);
    EXPECT_EQ(set(spec, "phases.switch.optimizer=reset"), 0);
    EXPECT_EQ(spec->phases->switch_->optimizer, BIT__OPTIMIZER_AT_SWITCH__RESET);
    EXPECT_EQ(set(spec, "model.tied=true"), 0);
    EXPECT(spec->model->has_tied && spec->model->tied);
    EXPECT_EQ(set(spec, "name=a b=c"), 0);
    EXPECT_STREQ(spec->name, "a b=c");
    EXPECT_EQ(set(spec, "name='q\\x41'"), 0);
    EXPECT_STREQ(spec->name, "qA");
    EXPECT_EQ(set(spec, "data.train+=b.npy"), 0);
    EXPECT_EQ(spec->data->n_train, 2);
    EXPECT_STREQ(spec->data->train[1], "b.npy");
    EXPECT_EQ(set(spec, "data.train+=['c', \"d\"]"), 0);
    EXPECT_EQ(spec->data->n_train, 4);
    EXPECT_EQ(set(spec, "data.train=e.npy"), 0);
    EXPECT_EQ(spec->data->n_train, 1);
    EXPECT_EQ(set(spec, "eval.set+={ name: 'x' path: 'y' }"), 0);
    EXPECT_EQ(set(spec, "eval.set+={ name: 'z' path: 'y' }"), 0);
    EXPECT_STREQ(spec->eval->set[1]->name, "z");
    EXPECT_EQ(set(spec, "launch={ ranks: 2 }"), 0);
    EXPECT_EQ(spec->launch->ranks, 2);
    EXPECT_EQ(set(spec, "phases.switch="), 0);
    EXPECT(spec->phases->switch_ == NULL);
    EXPECT_EQ(set(spec, "name="), 0);
    EXPECT(spec->name == NULL);
    bit_msg_free(spec);
}

TEST(set_appends_to_lists_that_protobuf_c_made)
{
    Bit__RunSpec *spec = test_spec_parse("data { train: ['a', 'b', 'c'] }");
    Bit__RunSpec *copy = bit_msg_clone(spec);

    bit_msg_free(spec);
    for (int i = 0; i < 10; i++)
        EXPECT_EQ(set(copy, "data.train+=more"), 0);
    EXPECT_EQ(copy->data->n_train, 13);
    EXPECT_STREQ(copy->data->train[2], "c");
    EXPECT_STREQ(copy->data->train[12], "more");
    bit_msg_free(copy);
}

TEST(a_refused_assignment_changes_nothing)
{
    static const struct {
        const char *assignment, *field, *says;
    } cases[] = {
        {"steps", "", "'steps' is not key=value"},
        {"=3", "", "is not key=value"},
        {"schedule.stepz=3", "schedule.stepz", "did you mean steps?"},
        {"steps=3", "steps", "did you mean schedule.steps?"},
        {"shedule.steps=3", "shedule.steps", "did you mean schedule?"},
        {"schedule.steps=ten", "schedule.steps", "expected a whole number, found 'ten'"},
        {"schedule.steps=3 4", "schedule.steps", "expected nothing more, found '4'"},
        {"schedule.steps+=3", "schedule.steps", "not a list"},
        {"data.train+=", "data.train", "nothing to append"},
        {"schedule.lr=3", "schedule.lr", "did you mean peak_lr?"},
        {"switch.steps=3", "switch.steps", "did you mean phases.switch?"},
        {"phases.switch.steps=3", "phases.switch.steps", "did you mean schedule.steps?"}, /* it has two of them */
        {"schedule.steps.x=3", "schedule.steps.x", "steps is one value, and has no fields"},
        {"eval.set.path=x", "eval.set.path",
         "set is a list, one of which is added whole: eval.set+={name: \"...\" path: \"...\"}"},
        {"data.source.weight=2", "data.source.weight",
         "source is a list, one of which is added whole: data.source+={name: \"...\" path: \"...\"}"},
        {"schedule={ steps: 3 stepz: 4 }", "schedule", "no field 'stepz'"},
        {"phases.switch.optimizer=resett", "phases.switch.optimizer", "did you mean RESET?"},
        {"optimizer.moments=FP16", "optimizer.moments", "expected one of BF16, FP32"},
        {"launch.backend=GPU", "launch.backend", "did you mean CUDA?"},
        {"launch.launcher=slurm", "launch.launcher", "did you mean SRUN?"},
        {"data.train=['a', 3]", "data.train", "expected a string"},
        {"name=\xff", "name", "not UTF-8"},
        {".=", ".", "no field ''"},
    };
    Bit__RunSpec *spec = test_spec_parse(SMALL);
    char *before = print(spec);

    for (size_t i = 0; i < BIT_COUNT(cases); i++) {
        bool good = EXPECT_EQ(set(spec, cases[i].assignment), BIT_ESPEC) && EXPECT_EQ(test_problems.count, 1) &&
                    EXPECT_STREQ(test_problems.item[0].field, cases[i].field) &&
                    EXPECT_CONTAINS(test_problems.item[0].text, cases[i].says) &&
                    EXPECT_EQ(test_problems.item[0].line, 0);
        char *after = print(spec);
        if (!EXPECT_STREQ(before, after) || !good)
            fprintf(stderr, "    %s\n", cases[i].assignment);
        free(after);
    }
    free(before);
    bit_msg_free(spec);
}

TEST(a_field_set_from_elsewhere_has_no_line)
{
    Bit__RunSpec *spec = test_spec_parse(SMALL "batch { instances: 96 }");

    EXPECT_EQ(set(spec, "batch.instances=97"), 0);
    EXPECT_EQ(set(spec, "launch.ranks=2"), 0);
    EXPECT_EQ(bit_spec_normalise(spec, "/", &test_problems), 0);
    EXPECT_EQ(bit_spec_validate(spec, &test_problems), BIT_ESPEC);
    EXPECT_STREQ(test_problems.item[0].text, "97 is not divisible by launch.ranks 2; 1 divides it");
    EXPECT_EQ(test_problems.item[0].line, 0);
    bit_msg_free(spec);
}

TEST_MAIN
