/* The loss curve in the terminal: every row has the same width, the extremes and the switch are where they belong. */
#include "ctl/show/curve.h"
#include "tests/test.h"

static char *draw(const struct bit_loss_point *points, size_t count, uint64_t after, int columns, int rows)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&text, &bytes);

    bit_curve_draw(f, points, count, after, columns, rows);
    fclose(f);
    return text;
}

/* The length of line `n`, counted from 0, in characters, not bytes; -1 if there is none. */
static int line_width(const char *text, int n)
{
    int width = 0;

    while (n-- > 0) {
        text = strchr(text, '\n');
        if (!text++)
            return -1;
    }
    for (; *text && *text != '\n'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

TEST(every_row_is_as_wide)
{
    struct bit_loss_point p[100];

    for (int i = 0; i < 100; i++)
        p[i] = (struct bit_loss_point){(uint64_t)i + 1, 10.0 - 0.05 * i};
    char *text = draw(p, 100, 50, 40, 8);
    for (int row = 0; row < 8; row++)
        EXPECT_EQ(line_width(text, row), 10 + 40);
    EXPECT(strstr(text, "switch to 1.58-bit after step 50") != NULL);
    EXPECT(strstr(text, "\xe2\x94\x8a") != NULL);
    free(text);
}

TEST(a_run_without_a_switch_has_no_mark)
{
    struct bit_loss_point p[2] = {{1, 3.0}, {2, 2.0}};
    char *text = draw(p, 2, UINT64_MAX, 20, 4);

    EXPECT(strstr(text, "switch") == NULL);
    EXPECT(strstr(text, "\xe2\x94\x8a") == NULL);
    free(text);
}

TEST(nan_one_point_and_a_flat_line_are_drawn)
{
    struct bit_loss_point p[3] = {{1, 3.0}, {2, NAN}, {3, 3.0}};
    char *text = draw(p, 3, UINT64_MAX, 20, 4);

    EXPECT_EQ(line_width(text, 0), 30);
    free(text);
    text = draw(p, 1, UINT64_MAX, 20, 4);
    EXPECT_EQ(line_width(text, 3), 30);
    free(text);
    text = draw(p, 0, UINT64_MAX, 20, 4);
    EXPECT_STREQ(text, "");
    free(text);
}

TEST_MAIN
