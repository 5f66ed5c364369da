/* Long curves in bounded memory, and their means. */
#include "ctl/chart/thin.h"

#include <math.h>

#include "ctl/chart/smooth.h"
#include "tests/test.h"

TEST(a_short_curve_is_kept_as_it_is)
{
    struct bit_thin t;
    struct bit_thin_point *p;
    size_t count;

    bit_thin_init(&t, 100);
    for (uint64_t step = 1; step <= 100; step++)
        EXPECT_EQ(bit_thin_add(&t, step * 3, step == 7 ? NAN : (double)step), 0);
    EXPECT_EQ(bit_thin_take(&t, &p, &count), 0);
    EXPECT_EQ(count, 100u);
    for (size_t i = 0; i < count; i++)
        EXPECT(p[i].step == 3 * (i + 1) && (i == 6 ? isnan(p[i].value) : p[i].value == (double)(i + 1)));
    EXPECT_EQ(t.every, 1u);
    free(p);
    bit_thin_finish(&t);
}

/* Ten million steps in 256 buckets: first and last are kept, and the extremes of each bucket, in order. */
TEST(a_long_curve_keeps_its_extremes)
{
    const uint64_t last = 10000000;
    struct bit_thin t;
    struct bit_thin_point *p;
    size_t count, seen = 0;

    bit_thin_init(&t, 256);
    for (uint64_t step = 1; step <= last; step++) {
        double value = sin((double)step * 0.37) + (step == 1234567 ? 50 : step == 7654321 ? -50 : 0);
        EXPECT_EQ(bit_thin_add(&t, step, step % 1000 == 0 ? NAN : value), 0);
    }
    EXPECT(t.room <= 256);
    EXPECT_EQ(bit_thin_take(&t, &p, &count), 0);
    EXPECT(count <= 1024 && count > 256);
    EXPECT(p[0].step == 1 && p[count - 1].step == last - 1);
    for (size_t i = 0; i < count; i++) {
        seen += (p[i].step == 1234567 && p[i].value > 49) || (p[i].step == 7654321 && p[i].value < -49);
        EXPECT(!isnan(p[i].value) && (i == 0 || p[i].step > p[i - 1].step));
    }
    EXPECT_EQ(seen, 2u);
    free(p);
    bit_thin_finish(&t);
}

TEST(a_long_gap_stays)
{
    struct bit_thin t;
    struct bit_thin_point *p;
    size_t count, gaps = 0;

    bit_thin_init(&t, 16);
    for (uint64_t step = 0; step < 1024; step++)
        EXPECT_EQ(bit_thin_add(&t, step, step >= 256 && step < 768 ? NAN : 1), 0);
    EXPECT_EQ(bit_thin_take(&t, &p, &count), 0);
    for (size_t i = 0; i < count; i++)
        gaps += isnan(p[i].value) && p[i].step >= 256 && p[i].step < 768;
    EXPECT(gaps > 0);
    free(p);
    bit_thin_finish(&t);
}

TEST(the_mean_is_of_the_last_values)
{
    struct bit_smooth s;
    double value[3000], sum;

    srand(3);
    EXPECT_EQ(bit_smooth_init(&s, 7), 0);
    for (int i = 0; i < 3000; i++) {
        value[i] = i == 100 ? 1e17 : rand() / 1e7; /* leaves no rounding error after 14 values */
        double got = bit_smooth_next(&s, value[i]);
        sum = 0;
        int first = i >= 6 ? i - 6 : 0;
        for (int k = first; k <= i; k++)
            sum += value[k];
        if (i < 100 || i > 114)
            EXPECT(fabs(got - sum / (i - first + 1)) < 1e-12 * fabs(got));
        EXPECT(isnan(bit_smooth_next(&s, NAN)));
    }
    bit_smooth_restart(&s);
    EXPECT(bit_smooth_next(&s, 5) == 5);
    EXPECT(bit_smooth_next(&s, 6) == 5.5);
    bit_smooth_finish(&s);
}

TEST_MAIN
