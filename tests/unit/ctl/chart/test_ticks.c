/* Ticks are round, within the axis, not too many, and have different labels. */
#include "ctl/chart/ticks.h"

#include <math.h>

#include "tests/test.h"

static char *texts(const struct bit_ticks *t, char out[256])
{
    size_t at = 0;

    out[0] = '\0';
    for (int i = 0; i < t->count; i++)
        at += (size_t)snprintf(out + at, 256 - at, "%s%s", i ? " " : "", t->text[i]);
    return out;
}

TEST(they_are_what_a_person_would_write)
{
    static const struct {
        double low, high;
        int most;
        const char *texts;
    } rows[] = {
        {1, 700, 8, "100 200 300 400 500 600 700"},
        {0, 10000, 6, "0 2k 4k 6k 8k 10k"},
        {2.91, 3.42, 6, "3.0 3.1 3.2 3.3 3.4"},
        {0, 45875200, 5, "0 10M 20M 30M 40M"},
        {-420, 280, 8, "-400 -300 -200 -100 0 100 200"},
        {0, 3e-3, 4, "0 0.001 0.002 0.003"},
        {0, 2.5e-6, 4, "0 1e-06 2e-06"},
    };
    struct bit_ticks t;
    char out[256];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bit_ticks_round(rows[i].low, rows[i].high, rows[i].most, &t);
        EXPECT_STREQ(texts(&t, out), rows[i].texts);
    }
    bit_ticks_log(1e-4, 1, 6, &t);
    EXPECT_STREQ(texts(&t, out), "0.0001 0.001 0.01 0.1 1");
    bit_ticks_log(1, 11, 8, &t);
    EXPECT_STREQ(texts(&t, out), "1 2 5 10");
    bit_ticks_log(2.9, 3.4, 6, &t);
    EXPECT_STREQ(texts(&t, out), "2.9 3.0 3.1 3.2 3.3 3.4");
}

static void check(double low, double high, int most, const struct bit_ticks *t)
{
    EXPECT(t->count <= most);
    for (int i = 0; i < t->count; i++) {
        EXPECT(t->at[i] >= low && t->at[i] <= high);
        EXPECT(i == 0 || t->at[i] > t->at[i - 1]);
        EXPECT(i == 0 || strcmp(t->text[i], t->text[i - 1]) != 0);
    }
}

TEST(of_any_axis)
{
    struct bit_ticks t;

    srand(5);
    for (int i = 0; i < 20000; i++) {
        double low = (rand() % 3 - 1) * pow(10, rand() % 600 / 10.0 - 30),
               high = low + pow(10, rand() % 600 / 10.0 - 30);
        if (!(high - low > 1e-6 * fabs(high)))
            continue;
        int most = 1 + rand() % BIT_TICKS_MAX;
        bit_ticks_round(low, high, most, &t);
        check(low, high, most, &t);
        if (most >= 4)
            EXPECT(t.count >= 1);
        if (low <= 0)
            continue;
        bit_ticks_log(low, high, most, &t);
        check(low, high, most, &t);
    }
}

TEST_MAIN
