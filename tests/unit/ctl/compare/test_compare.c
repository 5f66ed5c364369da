/* t-tests compared with numbers of SciPy 1.10.1; spikes and recoveries compared with plain loops. */
#include <math.h>

#include "ctl/compare/recovery.h"
#include "ctl/compare/t_test.h"
#include "tests/test.h"

static bool near(double a, double b, double tolerance)
{
    return fabs(a - b) <= tolerance * fabs(b);
}

TEST(students_distribution)
{
    /* 2 * scipy.stats.t.sf(t, freedom) */
    static const struct {
        double t, freedom, p;
    } rows[] = {
        {1e-06, 1, 0.9999993633802277},    {0.3, 1, 0.8144528418445154},       {2, 1, 0.2951672353008664},
        {12.7, 1, 0.05002432768934415},    {80, 1, 0.007957332727448982},      {1e-06, 2, 0.9999992928932189},
        {0.3, 2, 0.7924856608401776},      {2, 2, 0.1835034190722739},         {12.7, 2, 0.006142941599595777},
        {80, 2, 0.0001562133884403862},    {0.3, 3, 0.783763292039919},        {2, 3, 0.1393259685588431},
        {12.7, 3, 0.001053052682198599},   {80, 3, 4.304835379655694e-06},     {0.3, 4.5, 0.7775335470394313},
        {2, 4.5, 0.1082579071811249},      {12.7, 4.5, 0.0001074587943295234}, {80, 4.5, 2.861782364503225e-08},
        {2, 7, 0.08561932856297597},       {80, 7, 1.255070945889923e-11},     {2, 10, 0.07338803477074039},
        {12.7, 10, 1.711128178502112e-07}, {1e-06, 29, 0.999999208962842},     {2, 29, 0.05494363718296719},
        {2, 120.25, 0.04775381502089383},  {0.3, 1000, 0.7642395041672442},    {2, 1000, 0.04577034649325167},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        EXPECT(near(bit_t_test_p(rows[i].t, rows[i].freedom), rows[i].p, 1e-9));
        EXPECT(near(bit_t_test_p(-rows[i].t, rows[i].freedom), rows[i].p, 1e-9));
    }
    EXPECT(bit_t_test_p(INFINITY, 2) == 0 && bit_t_test_p(0, 2) == 1);
}

TEST(pairs_of_seeds_and_runs_that_have_nothing_in_common)
{
    /* ttest_rel(b, a) with its confidence_interval(); ttest_ind(b, a, equal_var=False) */
    static const struct {
        size_t n;
        double a[5], b[5], t, p, low, high, welch_t, welch_p, welch_freedom;
    } rows[] = {
        {2,
         {2.983961, 2.973513},
         {2.991477, 2.987717},
         3.2476076555026223,
         0.19016213062355689,
         -0.03162954863862619,
         0.05334954863862637,
         1.9560559344774557,
         0.2594305617693673,
         1.2547506031280247},
        {3,
         {3.022721, 3.002194, 2.988947},
         {3.024873, 3.019681, 3.015295},
         2.1689013934917734,
         0.16233862800400164,
         -0.01508057228148876,
         0.045738572281488615,
         1.5017466262976236,
         0.2554240776969181,
         2.3155482754598675},
        {5,
         {3.005455, 2.975333, 2.980835, 3.032, 3.004058},
         {2.998134, 2.984496, 2.979203, 3.035707, 3.009178},
         0.6314722316029237,
         0.5620193694927791,
         -0.0061393419658286,
         0.009754141965828496,
         0.1266756856605918,
         0.9023231328624591,
         7.999837739807784},
    };
    struct bit_t_test got;

    for (size_t i = 0; i < 3; i++) {
        bit_t_test_paired(rows[i].a, rows[i].b, rows[i].n, &got);
        EXPECT(got.known && got.freedom == (double)rows[i].n - 1);
        EXPECT(near(got.t, rows[i].t, 1e-9) && near(got.p, rows[i].p, 1e-9));
        EXPECT(near(got.low, rows[i].low, 1e-8) && near(got.high, rows[i].high, 1e-8));
        bit_t_test_welch(rows[i].a, rows[i].n, rows[i].b, rows[i].n, &got);
        EXPECT(near(got.t, rows[i].welch_t, 1e-9) && near(got.p, rows[i].welch_p, 1e-9));
        EXPECT(near(got.freedom, rows[i].welch_freedom, 1e-9));
    }
}

TEST(what_cannot_be_tested_is_not)
{
    static const double one[] = {3}, two[] = {3.5, 3.5}, same[] = {3, 3};
    struct bit_t_test got;

    bit_t_test_paired(one, two, 1, &got);
    EXPECT(!got.known && got.difference == 0.5);
    bit_t_test_welch(one, 1, two, 2, &got);
    EXPECT(!got.known);
    bit_t_test_paired(same, same, 2, &got);
    EXPECT(got.known && got.p == 1 && got.t == 0);
    bit_t_test_paired(same, two, 2, &got); /* the standard deviation is 0 */
    EXPECT(got.known && got.p == 0 && got.low == 0.5 && got.high == 0.5);
    bit_t_test_welch(same, 2, two, 2, &got);
    EXPECT(got.known && got.p == 0);
}

TEST(holm)
{
    double p[] = {0.01, 0.04, 0.03, 0.005}; /* Holm 1979: 0.03, 0.06, 0.06, 0.02 */
    double high[] = {0.6, 0.9, 0.5};

    EXPECT_EQ(bit_t_test_holm(p, 4), 0);
    EXPECT(near(p[0], 0.03, 1e-12) && near(p[1], 0.06, 1e-12) && near(p[2], 0.06, 1e-12) && near(p[3], 0.02, 1e-12));
    EXPECT_EQ(bit_t_test_holm(high, 3), 0);
    EXPECT(high[0] == 1 && high[1] == 1 && high[2] == 1);
    EXPECT_EQ(bit_t_test_holm(p, 0), 0);
}

/* ---- recovery */

#define LAST 600

/* The mean of p[from] to p[to], both included. */
static double mean(const struct bit_thin_point *p, int from, int to)
{
    double sum = 0;

    for (int i = from; i <= to; i++)
        sum += p[i].value;
    return sum / (to - from + 1);
}

/* What recovery.h defines, without running means. Steps 1 to LAST; the switch is after step 200. */
static void by_hand(const struct bit_thin_point *run, const struct bit_thin_point *trunk,
                    const struct bit_recovery_asked *ask, struct bit_recovery *out)
{
    const int sw = (int)ask->switch_after, n = (int)ask->smooth;

    *out = (struct bit_recovery){.level = mean(run, sw - (int)ask->last, sw - 1), .spike = -INFINITY};
    for (int i = sw; i < LAST; i++) {
        double m = mean(run, i - n + 1 > sw ? i - n + 1 : sw, i), t = mean(trunk, i - n + 1 > 0 ? i - n + 1 : 0, i);
        if (i + 1 <= sw + (int)ask->ramp_steps + (int)ask->last && run[i].value - out->level > out->spike)
            out->spike = run[i].value - out->level;
        if (out->recovered == 0 && m <= out->level)
            out->recovered = (uint64_t)(i + 1 - sw);
        if (out->met == 0 && m <= t)
            out->met = (uint64_t)(i + 1 - sw);
    }
}

TEST(spikes_and_recoveries_are_what_the_header_says)
{
    struct bit_thin_point run[LAST], trunk[LAST];
    struct bit_recovery got, want;
    unsigned never = 0;

    for (unsigned seed = 1; seed <= 60; seed++) {
        const struct bit_recovery_asked ask = {200, seed % 3 * 20, 10 + seed % 50, 1 + seed % 20};
        srand(seed);
        for (int i = 0; i < LAST; i++) {
            double base = 3 + 5 * exp(-i / 60.0), noise = rand() / (double)RAND_MAX * 0.05;
            double cost = i < 200 ? 0 : (seed % 4) * exp(-(i - 200) / 30.0) - (seed % 5) * 0.001 * (i - 200) / 10;
            trunk[i] = (struct bit_thin_point){(uint64_t)i + 1, base + noise};
            run[i] = (struct bit_thin_point){(uint64_t)i + 1, base + noise + cost + (seed % 7 == 0) * 0.3};
        }
        by_hand(run, trunk, &ask, &want);
        EXPECT_EQ(bit_recovery_find(&ask, run, LAST, trunk, LAST, &got), 0);
        EXPECT(near(got.level, want.level, 1e-12) && fabs(got.spike - want.spike) < 1e-12);
        EXPECT_EQ(got.recovered, want.recovered);
        EXPECT_EQ(got.met, want.met);
        never += want.met == 0;
        EXPECT_EQ(bit_recovery_find(&ask, run, LAST, NULL, 0, &got), 0);
        EXPECT_EQ(got.met, 0u);
        EXPECT_EQ(got.recovered, want.recovered);
    }
    EXPECT(never > 0 && never < 60);
}

TEST(a_curve_that_is_not_whole)
{
    struct bit_thin_point run[] = {{1, 5}, {2, NAN}, {3, 4}, {4, 9}, {5, NAN}, {6, 3}};
    struct bit_recovery_asked ask = {3, 0, 10, 1};
    struct bit_recovery got;

    EXPECT_EQ(bit_recovery_find(&ask, run, 6, run, 4, &got), 0);
    EXPECT(got.level == 4.5 && got.spike == 4.5);
    EXPECT_EQ(got.recovered, 3u);
    EXPECT_EQ(got.met, 1u); /* the trunk is the run itself */
    ask.switch_after = 0;   /* ternary from the start: there is no level */
    EXPECT_EQ(bit_recovery_find(&ask, run, 6, NULL, 0, &got), 0);
    EXPECT(isnan(got.level) && isnan(got.spike) && got.recovered == 0);
    ask.switch_after = 6;
    EXPECT_EQ(bit_recovery_find(&ask, run, 6, NULL, 0, &got), 0);
    EXPECT(isnan(got.spike) && got.recovered == 0);
    EXPECT(isnan(bit_recovery_level(run, 0, 5)) && bit_recovery_level(run, 6, 2) == 6);
}

TEST_MAIN
