#include "proto/text/exposition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "tests/test.h"

static const struct bit_exposition_metric metrics[] = {
    {"t_load", BIT_EXPOSITION_GAUGE, NULL, "Load."},
    {"t_spent_seconds", BIT_EXPOSITION_COUNTER, "seconds", "Time."},
    {"t_build", BIT_EXPOSITION_INFO, NULL, "What it is; 1."},
    {"t_wait_seconds", BIT_EXPOSITION_SUMMARY, "seconds", "Waits."},
};

static char *both_kinds(bool openmetrics)
{
    char *text = NULL;
    size_t bytes = 0;
    struct bit_exposition e = {.f = open_memstream(&text, &bytes), .openmetrics = openmetrics};

    bit_exposition_begin(&e, &metrics[0]);
    bit_exposition_label(&e, "who", "a \"b\"\\\nc");
    bit_exposition_sample(&e, NULL, 0.5);
    bit_exposition_sample(&e, NULL, NAN);
    bit_exposition_sample(&e, NULL, -INFINITY);
    bit_exposition_begin(&e, &metrics[1]);
    bit_exposition_label(&e, "a", "1");
    bit_exposition_label(&e, "b", "");
    bit_exposition_sample(&e, NULL, 3);
    bit_exposition_begin(&e, &metrics[2]);
    bit_exposition_label(&e, "v", "1");
    bit_exposition_sample(&e, NULL, 1);
    bit_exposition_begin(&e, &metrics[3]);
    bit_exposition_sample(&e, "_sum", 1e300);
    bit_exposition_sample(&e, "_count", 2);
    bit_exposition_end(&e);
    fclose(e.f);
    return text;
}

TEST(text_0_0_4)
{
    char *text = both_kinds(false);

    EXPECT_STREQ(text, "# HELP t_load Load.\n# TYPE t_load gauge\nt_load{who=\"a \\\"b\\\"\\\\\\nc\"} 0.5\n"
                       "t_load NaN\nt_load -Inf\n"
                       "# HELP t_spent_seconds_total Time.\n# TYPE t_spent_seconds_total counter\n"
                       "t_spent_seconds_total{a=\"1\",b=\"\"} 3\n"
                       "# HELP t_build_info What it is; 1.\n# TYPE t_build_info gauge\nt_build_info{v=\"1\"} 1\n"
                       "# HELP t_wait_seconds Waits.\n# TYPE t_wait_seconds summary\n"
                       "t_wait_seconds_sum 1e+300\nt_wait_seconds_count 2\n");
    free(text);
}

TEST(openmetrics_1_0)
{
    char *text = both_kinds(true);

    EXPECT(strstr(text, "# TYPE t_spent_seconds counter\n# UNIT t_spent_seconds seconds\n"
                        "t_spent_seconds_total{a=\"1\",b=\"\"} 3\n") != NULL);
    EXPECT(strstr(text, "# TYPE t_build info\nt_build_info{v=\"1\"} 1\n") != NULL);
    EXPECT(strcmp(text + strlen(text) - 6, "# EOF\n") == 0);
    free(text);
}

/* Whatever a label's value is, it stays on one line, and no character is split. */
TEST(labels_are_cut_and_never_broken)
{
    for (size_t shift = 0; shift < 8; shift++) {
        char value[4 * BIT_EXPOSITION_LABELS_MAX] = "", *text = NULL;
        size_t bytes = 0;
        struct bit_exposition e = {.f = open_memstream(&text, &bytes)};
        memset(value, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof value; i += 3)
            memcpy(value + i, shift % 2 ? "\xe2\x82\xac" : "\"\\\n", 3);
        bit_exposition_begin(&e, &metrics[0]);
        bit_exposition_label(&e, "l", value);
        bit_exposition_sample(&e, NULL, 1);
        bit_exposition_label(&e, "l", "\xff\xfe");
        bit_exposition_sample(&e, NULL, 2);
        fclose(e.f);
        const char *sample = strstr(text, "t_load{");
        EXPECT(sample != NULL && strcspn(sample, "\n") < BIT_EXPOSITION_LABELS_MAX + 16);
        EXPECT(strstr(text, "\"} 1\nt_load{l=\"?\"} 2\n") != NULL);
        free(text);
    }
}

TEST_MAIN
