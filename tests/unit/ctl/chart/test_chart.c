/* Charts: they fit the room given, keep extremes and gaps, and their curves are distinguishable. */
#include "ctl/chart/chart.h"

#include <math.h>

#include "ctl/chart/chart_svg.h"
#include "ctl/chart/chart_text.h"
#include "tests/test.h"

#define POINTS 200

/* Two curves that fall from 10 to 3, the second with a spike to 12 at step 100, where its switch is. */
struct two {
    struct bit_chart_point point[2][POINTS];
    struct bit_chart_series series[2];
    struct bit_chart chart;
};

static void make_two(struct two *t)
{
    static const char *const labels[2] = {"sharp", "ramped <b>"};

    for (int s = 0; s < 2; s++) {
        for (int i = 0; i < POINTS; i++)
            t->point[s][i] = (struct bit_chart_point){i + 1, 3 + 7 * exp(-i / 40.0) + s * 0.5, NAN, NAN};
        t->series[s] = (struct bit_chart_series){
            .label = labels[s], .point = t->point[s], .count = POINTS, .mark = s ? 100 : NAN, .hue = (unsigned)s};
    }
    t->point[1][100].y = 12;
    t->chart = (struct bit_chart){
        .x_name = "step", .y_name = "loss", .mark_name = "switch to 1.58 bits", .series = t->series, .count = 2};
}

/* A copy, because the compiler takes open_memstream's buffer for a local variable of the caller. */
static char *own(char *text)
{
    char *copy = strdup(text);

    free(text);
    return copy;
}

static char *draw(const struct bit_chart *chart, int columns, int rows, bool utf8, bool colour)
{
    const struct bit_chart_look look = {columns, rows, utf8, colour};
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&text, &bytes);

    bit_chart_text_draw(f, chart, &look);
    fclose(f);
    return own(text);
}

static char *svg_of(const struct bit_chart *chart, int width, int height)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&text, &bytes);

    bit_chart_svg_print(f, chart, width, height);
    fclose(f);
    return own(text);
}

static int count_of(const char *text, const char *what)
{
    int n = 0;

    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + strlen(what), what))
        n++;
    return n;
}

/* Counts lines; *widest is the longest one's length in characters, without escape sequences. */
static int lines_of(const char *text, int *widest)
{
    int lines = 0, width = 0;

    *widest = 0;
    for (; *text != '\0'; text++) {
        if (*text == '\033')
            text = strchr(text, 'm');
        else if (*text == '\n') {
            lines++;
            width = 0;
        } else
            width += ((unsigned char)*text & 0xc0) != 0x80;
        *widest = width > *widest ? width : *widest;
    }
    return lines;
}

TEST(it_fits_any_room)
{
    static const int sizes[][2] = {{80, 23}, {30, 8}, {40, 14}, {200, 60}};
    struct two t;
    int widest;

    make_two(&t);
    for (size_t i = 0; i < 4; i++)
        for (int kind = 0; kind < 4; kind++) {
            char *text = draw(&t.chart, sizes[i][0], sizes[i][1], kind & 1, kind & 2);
            EXPECT_EQ(lines_of(text, &widest), sizes[i][1]);
            EXPECT(widest <= sizes[i][0]);
            EXPECT((strchr(text, '\033') != NULL) == ((kind & 2) != 0));
            EXPECT(strstr(text, "sharp") != NULL && strstr(text, "ramped <b>") != NULL);
            if ((kind & 1) == 0)
                for (const char *c = text; *c != '\0'; c++)
                    EXPECT((unsigned char)*c < 0x80);
            free(text);
        }
}

TEST(curves_have_marks_of_their_own_without_colour)
{
    struct two t;

    make_two(&t);
    for (int utf8 = 0; utf8 < 2; utf8++) {
        char *text = draw(&t.chart, 80, 23, utf8, false);
        EXPECT(strstr(text, "o sharp") != NULL && strstr(text, "x ramped <b>") != NULL);
        EXPECT(count_of(text, "o") >= 4 + 2); /* "loss", and the legend */
        EXPECT(count_of(text, "x") >= 4 + 1);
        free(text);
    }
}

/* The top rows of the plot show the spike: one point of 200 is not thinned away. */
TEST(a_spike_is_seen_whole)
{
    struct two t;

    make_two(&t);
    t.chart.count = 1;
    t.chart.series = &t.series[1];
    char *text = draw(&t.chart, 80, 23, false, false);
    size_t until = 0, seen = 0; /* after the line with the name, the first two rows have 12 and the margin above it */
    for (int lines = 0; lines < 3; until++)
        lines += text[until] == '\n';
    for (size_t i = 0; i < until; i++)
        seen += text[i] == 'x';
    EXPECT(seen > 0);
    free(text);
}

TEST(a_gap_stays_a_gap)
{
    struct two t;

    make_two(&t);
    t.chart.count = 1;
    for (int i = 50; i < 150; i++)
        t.point[0][i].y = i % 2 ? NAN : INFINITY;
    char *text = draw(&t.chart, 80, 23, false, false), *svg = svg_of(&t.chart, 800, 400);
    EXPECT(count_of(text, "o") < 70);
    const char *path = strstr(strstr(svg, "stroke-linejoin"), " d=\"") + 4;
    EXPECT_EQ(path[0], 'M');
    EXPECT(strchr(path + 1, 'M') != NULL && strchr(path + 1, 'M') < strchr(path, '"'));
    free(text);
    free(svg);
}

TEST(nothing_one_point_and_a_flat_line_are_drawn)
{
    struct two t;
    int widest;

    make_two(&t);
    t.chart.count = 1;
    for (size_t count = 0; count < 3; count++)
        for (int log_y = 0; log_y < 2; log_y++) {
            t.series[0].count = count;
            t.point[0][1].y = t.point[0][0].y;
            t.chart.log_y = log_y;
            char *text = draw(&t.chart, 80, 23, true, false), *svg = svg_of(&t.chart, 800, 400);
            EXPECT_EQ(lines_of(text, &widest), 23);
            EXPECT_EQ(count_of(svg, "<circle"), count == 1 ? 1 : 0);
            EXPECT(strstr(svg, "nan") == NULL && strstr(svg, "inf") == NULL);
            EXPECT_EQ(bit_chart_has_points(&t.chart), count > 0);
            free(text);
            free(svg);
        }
}

TEST(values_at_the_end_of_what_numbers_can_be)
{
    static const double values[][2] = {{-1e308, 1e308}, {1e-308, 1e308}, {0, 5e-324}, {-INFINITY, 3}, {1e-9, 2e-9}};
    struct two t;

    make_two(&t);
    t.chart.count = 1;
    t.series[0].count = 2;
    for (size_t i = 0; i < 5; i++)
        for (int log_y = 0; log_y < 2; log_y++) {
            t.point[0][0].y = values[i][0];
            t.point[0][1].y = values[i][1];
            t.chart.log_y = log_y;
            char *text = draw(&t.chart, 80, 23, true, false), *svg = svg_of(&t.chart, 800, 400);
            EXPECT(strstr(svg, "nan") == NULL && strstr(svg, "inf") == NULL);
            free(text);
            free(svg);
        }
}

TEST(svg_is_one_element_without_anything_from_outside)
{
    struct two t;

    make_two(&t);
    t.chart.title = "\"a\" & b\033[31m";
    char *svg = svg_of(&t.chart, 800, 400);
    EXPECT_EQ(strncmp(svg, "<svg ", 5), 0);
    EXPECT_EQ(count_of(svg, "<svg "), 1);
    EXPECT_STREQ(svg + strlen(svg) - 7, "</svg>\n");
    EXPECT_EQ(count_of(svg, "href") + count_of(svg, "<script") + count_of(svg, "url(") + count_of(svg, " id="), 0);
    EXPECT_EQ(count_of(svg, "<b>"), 0);
    EXPECT_EQ(count_of(svg, "ramped &lt;b&gt;"), 1);
    EXPECT_EQ(count_of(svg, "&quot;a&quot; &amp; b\\x1b[31m"), 2);
    EXPECT_EQ(count_of(svg, "stroke-dasharray=\"4 4\" stroke-opacity"), 1);
    EXPECT_EQ(count_of(svg, "switch to 1.58 bits"), 1);
    free(svg);
}

TEST(any_text_can_stand_in_xml)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&text, &bytes);

    bit_chart_xml_text(f, "<&>\"'\n\x01\xff \xc3\xa9");
    fclose(f);
    EXPECT_STREQ(text, "&lt;&amp;&gt;&quot;&#39;\\n\\x01\\xff \xc3\xa9");
    free(text);
}

/* 100 values per pixel: the path drawn has the same extremes and stays short. */
TEST(svg_is_small_and_keeps_extremes)
{
    const size_t count = 100000;
    struct bit_chart_point *p = calloc(count, sizeof *p);

    for (size_t i = 0; i < count; i++)
        p[i] = (struct bit_chart_point){(double)i, i == 54321 ? 9.0 : i == 12345 ? -9.0 : sin((double)i), NAN, NAN};
    const struct bit_chart_series s = {.label = "s", .point = p, .count = count, .mark = NAN};
    const struct bit_chart c = {.x_name = "x", .y_name = "y", .series = &s, .count = 1};
    char *svg = svg_of(&c, 800, 400);
    EXPECT(strlen(svg) < 150000);
    const char *path = strstr(strstr(svg, "stroke-linejoin"), " d=\"") + 4;
    double low = INFINITY, high = -INFINITY, x, y;
    for (int used; sscanf(path, "%*[ML]%lf %lf%n", &x, &y, &used) == 2; path += used) {
        low = fmin(low, y);
        high = fmax(high, y);
    }
    struct bit_chart_frame frame;
    bit_chart_frame_make(&c, 5, 5, &frame);
    const double whole = (high - low) / (bit_chart_frame_y(&frame, 9) - bit_chart_frame_y(&frame, -9));
    EXPECT(fabs(whole - 340) < 1); /* 400 less the margins above and below */
    free(svg);
    free(p);
}

static double luminance(uint32_t rgb)
{
    static const double weight[3] = {0.2126, 0.7152, 0.0722};
    double sum = 0;

    for (int i = 0; i < 3; i++) {
        double c = (rgb >> (16 - 8 * i) & 0xff) / 255.0;
        sum += weight[i] * (c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
    }
    return sum;
}

static double contrast(uint32_t a, uint32_t b)
{
    double one = luminance(a) + 0.05, other = luminance(b) + 0.05;

    return one > other ? one / other : other / one;
}

TEST(colours_are_readable_on_light_and_on_dark)
{
    for (unsigned hue = 0; hue < BIT_CHART_COLOURS; hue++) {
        EXPECT(contrast(bit_chart_colour(hue), 0xffffff) >= 3);
        EXPECT(contrast(bit_chart_colour(hue), 0x0d1117) >= 3);
    }
    EXPECT(contrast(BIT_CHART_GREY, 0xffffff) >= 4.5);
    EXPECT(contrast(BIT_CHART_GREY, 0x0d1117) >= 4);
}

TEST(what_can_be_shown_is_asked_of_the_environment)
{
    FILE *f = fopen(test_path("none"), "w");

    setenv("LC_ALL", "C", 1);
    setenv("LANG", "en_US.UTF-8", 1);
    EXPECT(!bit_chart_look_of(f).utf8);
    unsetenv("LC_ALL");
    unsetenv("LC_CTYPE");
    EXPECT(bit_chart_look_of(f).utf8);
    setenv("LANG", "C.utf8", 1);
    EXPECT(bit_chart_look_of(f).utf8 && !bit_chart_look_of(f).colour);
    unsetenv("COLUMNS");
    EXPECT_EQ(bit_chart_look_of(f).columns, 80);
    fclose(f);
}

TEST_MAIN
