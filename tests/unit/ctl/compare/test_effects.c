/* Effects of a grid's fields, compared with NumPy's means and SciPy 1.10.1's ttest_rel for one random grid. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/compare/effects.h"
#include "tests/test.h"

enum { BRANCHES = 7, FIELDS = 3, SEEDS = 3 };

/* Two fields, a third that goes along with the first, and a single branch, which sets nothing. */
static const char *const grid[BRANCHES * FIELDS] = {
    "1", "x", "10", "1", "y", "10", "2", "x", "20", "2", "y", "20", "3", "x", "30", "3", "y", "30", NULL, NULL, NULL,
};
static const double measured[BRANCHES * SEEDS] = {
    3.3,    3.306,  3.2945, 3.3122, 3.3209, 3.3102, 3.2012, 3.2268, 3.1902, 3.2276, 3.2498,
    3.2471, 3.1021, 3.0814, 3.0994, 3.1339, 3.0931, 3.1108, 2.962,  2.9742, 2.9632,
};

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-8 * fabs(b);
}

static const char *side(size_t branch, const struct bit_effect *e)
{
    return branch == e->single ? "single" : grid[branch * FIELDS + e->field];
}

TEST(means_of_each_seed_are_tested)
{
    static const struct {
        const char *lower, *higher;
        size_t pairs, agree;
        double difference, t, p, low, high, holm;
    } want[] = {
        {"2", "1", 2, 6, 0.08351666666666668, 17.477763254126913, 0.003257632548202104, 0.06295664370482837,
         0.104076689628505, 0.015790370139195042},
        {"3", "1", 2, 6, 0.20384999999999995, 17.75244995914035, 0.0031580740278390087, 0.15444297387058292,
         0.25325702612941664, 0.015790370139195042},
        {"3", "2", 2, 6, 0.12033333333333325, 7.4571856404507, 0.017511539761212263, 0.050903313734854,
         0.18976335293181223, 0.035023079522424526},
        {"x", "y", 3, 9, 0.022666666666666637, 6.798187391677731, 0.020959941716982785, 0.008320666829899322,
         0.03701266650343376, 0.035023079522424526},
        {"single", "1", 2, 6, 0.34083333333333315, 208.6408853715303, 2.2971333200707884e-05, 0.33380456967802163,
         0.3478620969886447, 0.0001607993324049552},
        {"single", "2", 2, 6, 0.25731666666666647, 73.4333421430524, 0.00018539269825540642, 0.24223980612927978,
         0.2723935272040532, 0.0011123561895324385},
        {"single", "3", 2, 6, 0.13698333333333323, 10.837322568220426, 0.008407215256421888, 0.0825979711362759,
         0.19136869553039085, 0.025221645769265666},
    };
    const struct bit_effects_asked ask = {BRANCHES, FIELDS, SEEDS, grid, measured};
    struct bit_effect *got;
    size_t count;

    EXPECT_EQ(bit_effects_find(&ask, &got, &count), 0);
    EXPECT_EQ(count, sizeof want / sizeof *want);
    for (size_t i = 0; i < count; i++) {
        EXPECT(strcmp(side(got[i].lower, &got[i]), want[i].lower) == 0);
        EXPECT(strcmp(side(got[i].higher, &got[i]), want[i].higher) == 0);
        EXPECT_EQ(got[i].pairs, want[i].pairs);
        EXPECT_EQ(got[i].agree, want[i].agree);
        EXPECT_EQ(got[i].seeds, 3u);
        EXPECT(got[i].test.known && got[i].test.freedom == 2);
        EXPECT(near(got[i].test.difference, want[i].difference) && near(got[i].test.t, want[i].t));
        EXPECT(near(got[i].test.p, want[i].p) && near(got[i].p_holm, want[i].holm));
        EXPECT(near(got[i].test.low, want[i].low) && near(got[i].test.high, want[i].high));
    }
    EXPECT(bit_effects_go_along(&ask, 0, 0, 2) && !bit_effects_go_along(&ask, 0, 0, 1));
    free(got);
}

TEST(all_means_are_over_the_same_pairs)
{
    double value[BRANCHES * SEEDS];
    const struct bit_effects_asked ask = {BRANCHES, FIELDS, SEEDS, grid, value};
    struct bit_effect *got;
    size_t count;

    memcpy(value, measured, sizeof value);
    value[1 * SEEDS + 1] = NAN; /* (1, y) has no second seed: only comparisons with (1, y) lose that seed */
    EXPECT_EQ(bit_effects_find(&ask, &got, &count), 0);
    EXPECT_EQ(count, 7u);
    EXPECT(got[0].seeds == 2 && got[0].pairs == 2 && got[0].test.freedom == 1);
    EXPECT(near(got[0].test.difference, ((3.3 - 3.2012 + 3.3122 - 3.2276) + (3.2945 - 3.1902 + 3.3102 - 3.2471)) / 4));
    EXPECT(got[2].seeds == 3 && got[3].seeds == 2 && got[3].pairs == 3);
    free(got);

    for (size_t s = 0; s < SEEDS; s++)
        value[1 * SEEDS + s] = NAN; /* without any value it is in no pair */
    EXPECT_EQ(bit_effects_find(&ask, &got, &count), 0);
    EXPECT(count == 7 && got[0].seeds == 3 && got[0].pairs == 1 && got[3].pairs == 2);
    free(got);
}

TEST(one_seed_says_nothing)
{
    double value[BRANCHES];
    const struct bit_effects_asked ask = {BRANCHES, FIELDS, 1, grid, value};
    struct bit_effect *got;
    size_t count;

    for (size_t b = 0; b < BRANCHES; b++)
        value[b] = measured[b * SEEDS];
    EXPECT_EQ(bit_effects_find(&ask, &got, &count), 0);
    EXPECT_EQ(count, 7u);
    for (size_t i = 0; i < count; i++)
        EXPECT(got[i].seeds == 1 && !got[i].test.known);
    free(got);
}

TEST(a_single_branch_is_compared_by_the_field_it_has_otherwise)
{
    /* In `out` branch 4 does not set b, so it is compared by b; branch 5 does not set a, so it is compared by a. */
    static const char *const set[] = {"1", "x", "1", "y", "2", "x", "2", "z"};
    static const char *const out[] = {"1", "x", "1", "y", "2", "x", "2", "y", "1", NULL, NULL, "w"};
    static const double value[] = {1, 2, 3, 4, 5, 6};
    const struct bit_effects_asked first = {4, 2, 1, set, value}, second = {6, 2, 1, out, value};
    struct bit_effect *got;
    size_t count;

    EXPECT_EQ(bit_effects_find(&first, &got, &count), 0);
    EXPECT_EQ(count, 3u); /* a: 1 and 2; b: x and y, x and z; no two branches with y and z have the same a */
    for (size_t i = 0; i < count; i++)
        EXPECT(got[i].single == SIZE_MAX && got[i].pairs == 1);
    free(got);
    EXPECT_EQ(bit_effects_find(&second, &got, &count), 0);
    EXPECT_EQ(count, 6u); /* a, b, and for each single branch two values of its field */
    EXPECT(got[2].single == 4 && got[2].field == 1 && got[3].single == 4 && got[3].field == 1);
    EXPECT(got[4].single == 5 && got[4].field == 0 && got[5].single == 5 && got[5].field == 0);
    free(got);
}

TEST(one_field_alone_has_no_effects)
{
    static const char *const set[] = {"1", "2", NULL};
    static const double value[] = {1, 2, 3};
    const struct bit_effects_asked ask = {3, 1, 1, set, value}, none = {0, 0, 0, set, value};
    struct bit_effect *got;
    size_t count;

    EXPECT_EQ(bit_effects_find(&ask, &got, &count), 0);
    EXPECT_EQ(count, 0u);
    free(got);
    EXPECT_EQ(bit_effects_find(&none, &got, &count), 0);
    EXPECT_EQ(count, 0u);
    free(got);
}

TEST_MAIN
