/* The range of each field, and what says that a value is the default. */
#include <math.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "tests/unit/proto/spec/spec_problems.h"

TEST(what_has_no_default_is_asked_for)
{
    static const char *const fields[] = {"model.layers", "model.width",      "model.heads",          "model.mlp_hidden",
                                         "data.train",   "schedule.peak_lr", "phases.switch.at_step"};
    Bit__RunSpec *spec = normalised("phases { switch { } }");

    EXPECT_EQ(bit_spec_validate(spec, &test_problems), BIT_ESPEC);
    EXPECT_EQ(test_problems.count, BIT_COUNT(fields));
    for (size_t i = 0; i < BIT_COUNT(fields); i++) {
        bool found = false;
        for (int k = 0; k < bit_problems_kept(&test_problems); k++)
            found = found || strcmp(test_problems.item[k].field, fields[i]) == 0;
        if (!EXPECT(found))
            fprintf(stderr, "    %s\n", fields[i]);
    }
    bit_msg_free(spec);
}

TEST(ranges)
{
    expect_problem("batch { instances: 0 }", "batch.instances", 3, "0 is not at least 1");
    expect_problem("schedule {\n peak_lr: 0 }", "schedule.peak_lr", 4, "0 is not above 0");
    expect_problem("schedule { peak_lr: -1e-4 }", "schedule.peak_lr", 3, "-0.0001 is not above 0");
    expect_problem("schedule { final: 1.5 }", "schedule.final", 3, "1.5 is above 1");
    expect_problem("optimizer { beta2: 1 }", "optimizer.beta2", 3, "1 is not below 1");
    expect_problem("optimizer { clip_norm: -1 }", "optimizer.clip_norm", 3, "-1 is not at least 0");
    expect_problem("quantizer { activation_levels: 126 }", "quantizer.activation_levels", 3, "not at least 127");
    expect_problem("quantizer { weight_measure: ABSMAX }", "quantizer.weight_measure", 3, "MEAN or MEDIAN");
    expect_problem("checkpoint { keep_last: 0 }", "checkpoint.keep_last", 3, "not at least 1");
    expect_problem("launch { ranks: 0 }", "launch.ranks", 3, "0 is not at least 1");
    expect_problem("launch { ranks: 8 shard_ranks: 3 }", "launch.shard_ranks", 3,
                   "3 does not divide launch.ranks 8: give a number that does, or 0 for all of them");
    expect_problem("launch { ranks: 4 shard_ranks: 8 }", "launch.shard_ranks", 3, "8 does not divide launch.ranks 4");
    expect_problem("launch { memory_gib: -1 }", "launch.memory_gib", 3, "-1 is not at least 0");
    expect_problem("name: ''", "name", 3, "empty");
    expect_problem("name: 'a b'", "name", 3, "letters, digits");
    expect_problem("name: '../a'", "name", 3, "letters, digits");
    expect_problem("name: '.a'", "name", 3, "may not begin with '.'");
    expect_problem("name: 'x234567890123456789012345678901234567890123456789012345678901234y'", "name", 3,
                   "65 characters are more than 64");
}

TEST(a_number_that_is_none_is_refused)
{
    Bit__RunSpec *spec = normalised(SMALL);

    spec->schedule->peak_lr = NAN;
    spec->optimizer->eps = INFINITY;
    EXPECT_EQ(bit_spec_validate(spec, &test_problems), BIT_ESPEC);
    EXPECT_EQ(test_problems.count, 2);
    bit_msg_free(spec);
}

/* The message says that the value is the default, so that nobody looks for it in the file. */
TEST(a_default_that_breaks_a_rule_is_called_the_default)
{
    expect_problem("schedule { steps: 100 }", "schedule.warmup_steps", 3,
                   "2000 is beyond the end of the cosine, step 100 (2000 is the default)");
    expect_problem("schedule { steps: 100 warmup_steps: 101 }", "schedule.warmup_steps", 3,
                   "101 is beyond the end of the cosine, step 100");
    EXPECT(strstr(test_problems.item[0].text, "default") == NULL);
    expect_problem("launch { ranks: 3 }", "batch.instances", 0,
                   "launch.ranks 3; 2 and 4 divide it (2048 is the default)");
    Bit__RunSpec *spec = test_spec_parse("model { preset: 'olmo_20m' width: 30 } data { train: 'a' }");
    EXPECT_EQ(bit_spec_normalise(spec, "/", &test_problems), 0);
    EXPECT_EQ(bit_spec_validate(spec, &test_problems), BIT_ESPEC);
    EXPECT_STREQ(test_problems.item[0].field, "model.heads");
    EXPECT_CONTAINS(test_problems.item[0].text, "is model.preset's)");
    bit_msg_free(spec);
    spec = test_spec_parse(SMALL "schedule { steps: 100 }");
    EXPECT_EQ(bit_spec_set(spec, "schedule.warmup_steps=500", &test_problems), 0);
    EXPECT_EQ(bit_spec_normalise(spec, "/", &test_problems), 0);
    EXPECT_EQ(bit_spec_validate(spec, &test_problems), BIT_ESPEC);
    EXPECT_STREQ(test_problems.item[0].text, "500 is beyond the end of the cosine, step 100");
    bit_msg_free(spec);
}

TEST_MAIN
