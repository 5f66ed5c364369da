/* A run of 0 steps evaluates its model.init_from. Fields that only training needs may be missing. */
#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "tests/unit/proto/spec/spec_problems.h"

TEST(a_run_without_steps)
{
    static const struct {
        const char *text, *field, *says;
    } wrong[] = {
        {"model { preset: 'olmo_20m' } data { train: '/a' } schedule { steps: 0 }", "schedule.steps",
         "no model.init_from to be evaluated"},
        {"model { preset: 'olmo_20m' init_from: '/c' } schedule { steps: 0 }", "eval.task",
         "neither an eval.task nor an eval.set"},
        {"model { preset: 'olmo_20m' init_from: '/c' } data { train: '/a' } schedule { steps: 0 } eval { task { path: '/t' } }",
         "data.train", "leave it out"},
        {"model { preset: 'olmo_20m' init_from: '/c' } schedule { steps: 0 } eval { task { path: '/t' } } phases { switch { at_step: 0 } }",
         "phases.switch", "eval.precision"},
        {"model { preset: 'olmo_20m' } data { train: '/a' } eval { set { name: 'x' path: '/x' } damage: true }",
         "eval.damage", "for schedule.steps 0"},
        {"model { preset: 'olmo_20m' init_from: '/c' } schedule { steps: 0 } eval { task { path: '/t' } damage: true }",
         "eval.damage", "there is no eval.set"},
        {"model { preset: 'olmo_20m' } data { train: '/a' } eval { precision: TERNARY }", "eval.precision",
         "for schedule.steps 0"},
    };
    Bit__RunSpec *spec = normalised("model { layers: 2 width: 64 heads: 2 init_from: './c' } schedule { steps: 0 } "
                                    "eval { task { path: '/t' } set { name: 'x' path: '/x' } precision: TERNARY }");

    EXPECT_EQ(bit_spec_validate(spec, &test_problems), 0);
    EXPECT(bit_spec_evaluates_only(spec));
    EXPECT_STREQ(spec->model->init_from, "/data/c");
    bit_msg_free(spec);
    for (size_t i = 0; i < BIT_COUNT(wrong); i++) {
        spec = normalised(wrong[i].text);
        if (EXPECT_EQ(bit_spec_validate(spec, &test_problems), BIT_ESPEC) && EXPECT_EQ(test_problems.count, 1)) {
            EXPECT_STREQ(test_problems.item[0].field, wrong[i].field);
            EXPECT_CONTAINS(test_problems.item[0].text, wrong[i].says);
        }
        bit_msg_free(spec);
    }
}

TEST_MAIN
