/* A checkpoint of older rules gets a text on what changed for its model; one of the present rules gets none. */
#include "worker/model/arithmetic.h"

#include "proto/ckpt/manifest.h"
#include "tests/test.h"

static const char *changes(int tied, enum bit_norm_kind inner_norm, uint32_t since)
{
    static char text[BIT_ARITHMETIC_TEXT_MAX];
    const struct bit_worker_plan plan = {.tied = tied, .quantizer = {.inner_norm = inner_norm}};

    bit_arithmetic_changes(&plan, since, text);
    return text;
}

TEST(each_change_is_told_to_the_models_that_it_concerns)
{
    EXPECT_STREQ(changes(1, BIT_NORM_NONE, 0), "");
    EXPECT_CONTAINS(changes(0, BIT_NORM_NONE, 0), "optimizer.weight_decay");
    EXPECT_CONTAINS(changes(1, BIT_NORM_LAYER, 0), "inner norm");
    EXPECT_CONTAINS(changes(0, BIT_NORM_RMS, 0), "optimizer.weight_decay; in the 1.58-bit phase");
}

TEST(deterministic_gradients_of_attention_are_others)
{
    char text[BIT_ARITHMETIC_TEXT_MAX];
    struct bit_worker_plan plan = {.tied = 1, .deterministic = true};

    bit_arithmetic_changes(&plan, 1, text);
    EXPECT_CONTAINS(text, "launch.deterministic");
    plan.deterministic = false;
    bit_arithmetic_changes(&plan, 1, text);
    EXPECT_STREQ(text, "");
    plan.backend = BIT_BACKEND_CUDA;
    bit_arithmetic_changes(&plan, 1, text);
    EXPECT_CONTAINS(text, "matrix products");
}

TEST(sums_of_three_ranks_are_others_and_those_of_two_are_not)
{
    char text[BIT_ARITHMETIC_TEXT_MAX];
    struct bit_worker_plan plan = {.tied = 1, .size = 2};

    bit_arithmetic_changes(&plan, 2, text);
    EXPECT_STREQ(text, "");
    plan.size = 3;
    bit_arithmetic_changes(&plan, 2, text);
    EXPECT_CONTAINS(text, "ring");
}

TEST(fused_products_are_told_where_there_can_be_any)
{
    char text[BIT_ARITHMETIC_TEXT_MAX];
    struct bit_worker_plan plan = {.tied = 1, .backend = BIT_BACKEND_CUDA, .operands = BIT_BF16};

    bit_arithmetic_changes(&plan, 3, text);
    EXPECT_STREQ(text, "");
    plan.fuses = true;
    bit_arithmetic_changes(&plan, 3, text);
    EXPECT_CONTAINS(text, "launch.fused_products");
    plan.backend = BIT_BACKEND_CPU;
    bit_arithmetic_changes(&plan, 3, text);
    EXPECT_STREQ(text, "");
}

/* The longest text: every change concerns this model. */
TEST(all_changes_fit_into_one_text)
{
    char text[BIT_ARITHMETIC_TEXT_MAX];
    struct bit_worker_plan plan = {.size = 3, .backend = BIT_BACKEND_CUDA, .operands = BIT_BF16, .fuses = true};

    plan.quantizer.inner_norm = BIT_NORM_LAYER;
    bit_arithmetic_changes(&plan, 0, text);
    EXPECT_CONTAINS(text, "launch.fused_products");
    plan.deterministic = true;
    bit_arithmetic_changes(&plan, 0, text);
    EXPECT_CONTAINS(text, "launch.fused_products");
}

TEST(present_rules_are_no_change)
{
    EXPECT_STREQ(changes(0, BIT_NORM_LAYER, BIT_ARITHMETIC), "");
}

TEST_MAIN
