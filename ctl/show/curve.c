#include "ctl/show/curve.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show/braille.h"
#include "ctl/show/show.h"
#include "proto/check.h"

struct canvas {
    int columns, rows;
    uint8_t *cell; /* columns x rows */
};

static void dot(void *arg, int x, int y)
{
    struct canvas *c = arg;

    if (x >= 0 && y >= 0 && x < BIT_BRAILLE_X * c->columns && y < BIT_BRAILLE_Y * c->rows)
        c->cell[(y / BIT_BRAILLE_Y) * c->columns + x / BIT_BRAILLE_X] |= bit_braille_dot(x, y);
}

static void range(const struct bit_loss_point *p, size_t count, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(p[i].loss))
            continue;
        *low = BIT_MIN(*low, p[i].loss);
        *high = BIT_MAX(*high, p[i].loss);
    }
    if (*low > *high) {
        *low = 0;
        *high = 1;
    }
    double pad = BIT_MAX(0.02 * (*high - *low), 1e-6);
    *low -= pad;
    *high += pad;
}

static int column_of(uint64_t step, uint64_t first, uint64_t last, int width)
{
    return last > first ? (int)((double)(step - first) / (double)(last - first) * (width - 1) + 0.5) : 0;
}

static int row_of(double loss, double low, double high, int height)
{
    return (int)((high - loss) / (high - low) * (height - 1) + 0.5);
}

static void plot(struct canvas *c, const struct bit_loss_point *p, size_t count, double low, double high)
{
    int width = 2 * c->columns, height = 4 * c->rows, last_x = -1, last_y = -1;

    for (size_t i = 0; i < count; i++) {
        if (!isfinite(p[i].loss)) {
            last_x = -1;
            continue;
        }
        int x = column_of(p[i].step, p[0].step, p[count - 1].step, width);
        int y = row_of(p[i].loss, low, high, height);
        bit_braille_line(last_x < 0 ? x : last_x, last_x < 0 ? y : last_y, x, y, dot, c);
        last_x = x;
        last_y = y;
    }
}

static void print_row(FILE *f, const struct canvas *c, int row, double low, double high, int mark)
{
    double top = high - (high - low) * row / BIT_MAX(1, c->rows - 1);

    if (row % 4 == 0 || row == c->rows - 1)
        bit_show(f, "%8.3f \xe2\x94\xa4", top);
    else
        bit_show(f, "%8s \xe2\x94\x82", "");
    for (int col = 0; col < c->columns; col++) {
        char text[4];
        uint8_t bits = c->cell[row * c->columns + col];
        if (col == mark && !bits)
            bit_show(f, "\xe2\x94\x8a"); /* dashed vertical line */
        else
            bit_show(f, "%s", bit_braille_text(bits, text));
    }
    fputc('\n', f);
}

static void print_axis(FILE *f, const struct bit_loss_point *p, size_t count, int columns, int mark, uint64_t after)
{
    char right[32], label[64];

    bit_show(f, "%8s \xe2\x94\x94", "");
    for (int i = 0; i < columns; i++)
        bit_show(f, "%s", i == mark ? "\xe2\x94\xb4" : "\xe2\x94\x80");
    int n = snprintf(right, sizeof right, "%" PRIu64, p[count - 1].step);
    bit_show(f, "\n%10s%-*" PRIu64 "%s\n", "", BIT_MAX(1, columns - n), p[0].step, right);
    if (mark < 0)
        return;
    snprintf(label, sizeof label, "switch to 1.58-bit after step %" PRIu64, after);
    int at = BIT_MAX(0, BIT_MIN(mark, columns - (int)strlen(label)));
    bit_show(f, "%10s%*s%s\n", "", at, "", label);
}

void bit_curve_draw(FILE *f, const struct bit_loss_point *points, size_t count, uint64_t switch_after, int columns,
                    int rows)
{
    double low, high;
    int mark = -1;

    if (count == 0)
        return;
    columns = BIT_MAX(columns, 16);
    rows = BIT_MAX(rows, 4);
    struct canvas c = {.columns = columns, .rows = rows, .cell = calloc((size_t)columns * (size_t)rows, 1)};
    if (!c.cell)
        return;
    range(points, count, &low, &high);
    plot(&c, points, count, low, high);
    if (switch_after >= points[0].step && switch_after <= points[count - 1].step)
        mark = column_of(switch_after, points[0].step, points[count - 1].step, 2 * columns) / 2;
    for (int row = 0; row < rows; row++)
        print_row(f, &c, row, low, high, mark);
    print_axis(f, points, count, columns, mark, switch_after);
    free(c.cell);
}
