#include "ctl/chart/chart_text.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/show/braille.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"

/* Marks and colours by hue; the first ones differ most. */
static const char mark_letters[] = "ox+*#@%&ABCDEFGHIJKLMNPQRSTUVWYZ";
static const int hue_colours[] = {36, 33, 35, 32, 31, 34, 96, 93, 95, 92, 91, 94};

/* A character of the plot. */
struct cell {
    uint8_t dots;    /* braille dots; in ASCII 1 if a curve passes */
    uint64_t series; /* bit set of the curves that pass */
    char mark;       /* replaces the dots; 0: none */
    uint8_t mark_hue;
    bool line; /* a vertical line */
    uint8_t line_hue;
};

struct canvas {
    const struct bit_chart *chart;
    const struct bit_chart_look *look;
    struct bit_chart_frame frame;
    int columns, rows; /* of the plot */
    int dot_x, dot_y;  /* dots in a cell */
    int label_width;   /* of the y axis */
    bool marks;
    struct cell *cell;
    size_t now; /* index of the series that is being drawn */
};

static bool says_utf8(const char *locale)
{
    const char *set = strchr(locale, '.');

    return set != NULL && (strncasecmp(set, ".utf-8", 6) == 0 || strncasecmp(set, ".utf8", 5) == 0);
}

struct bit_chart_look bit_chart_look_of(FILE *f)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *no_colour = getenv("NO_COLOR");
    struct bit_chart_look look = {.colour = bit_terminal(f) && (no_colour == NULL || *no_colour == '\0')};

    bit_terminal_size(f, &look.columns, &look.rows);
    for (size_t i = 0; i < BIT_COUNT(variables); i++) {
        const char *value = getenv(variables[i]);
        if (value == NULL || *value == '\0')
            continue;
        look.utf8 = says_utf8(value);
        break;
    }
    return look;
}

static char mark_of(unsigned hue)
{
    return mark_letters[hue % (sizeof mark_letters - 1)];
}

static void begin_hue(FILE *f, const struct canvas *c, unsigned hue)
{
    if (c->look->colour)
        bit_show(f, "\033[%dm", hue_colours[hue % BIT_COUNT(hue_colours)]);
}

static void end_hue(FILE *f, const struct canvas *c)
{
    if (c->look->colour)
        bit_show(f, "\033[0m");
}

/* ---- drawing */

static struct cell *cell_at(const struct canvas *c, int column, int row)
{
    return &c->cell[row * c->columns + column];
}

static void dot(void *arg, int x, int y)
{
    struct canvas *c = arg;
    const int column = x / c->dot_x, row = y / c->dot_y;

    if (x < 0 || y < 0 || column >= c->columns || row >= c->rows)
        return;
    struct cell *cell = cell_at(c, column, row);
    cell->dots |= c->look->utf8 ? bit_braille_dot(x, y) : 1;
    cell->series |= UINT64_C(1) << c->now;
}

static int x_dot(const struct canvas *c, double x)
{
    return (int)lround(bit_chart_frame_x(&c->frame, x) * (c->columns * c->dot_x - 1));
}

/* -1: y cannot be drawn. */
static int y_dot(const struct canvas *c, double y)
{
    double at = bit_chart_frame_y(&c->frame, y);

    return isfinite(at) ? (int)lround((1 - at) * (c->rows * c->dot_y - 1)) : -1;
}

static void draw_curve(struct canvas *c, const struct bit_chart_series *s)
{
    int last_x = -1, last_y = -1;

    for (size_t i = 0; i < s->count; i++) {
        const int x = isfinite(s->point[i].x) ? x_dot(c, s->point[i].x) : 0, y = y_dot(c, s->point[i].y);
        if (y < 0) {
            last_x = -1;
            continue;
        }
        bit_braille_line(last_x < 0 ? x : last_x, last_x < 0 ? y : last_y, x, y, dot, c);
        last_x = x;
        last_y = y;
    }
}

static void draw_line(struct canvas *c, const struct bit_chart_series *s)
{
    double at = isfinite(s->mark) ? bit_chart_frame_x(&c->frame, s->mark) : -1;

    if (at < 0 || at > 1)
        return;
    for (int row = 0; row < c->rows; row++) {
        struct cell *cell = cell_at(c, x_dot(c, s->mark) / c->dot_x, row);
        cell->line = true;
        cell->line_hue = (uint8_t)s->hue;
    }
}

/* Put the mark of a series on its curve at regular columns, which are offset for each series. */
static void draw_marks(struct canvas *c, size_t series)
{
    const int apart = BIT_MAX(8, c->columns / 6), first = (int)((series * 5) % (size_t)apart);
    const unsigned hue = c->chart->series[series].hue;

    for (int column = first; column < c->columns; column += apart)
        for (int row = 0; row < c->rows; row++) {
            struct cell *cell = cell_at(c, column, row);
            if ((cell->series >> series & 1) == 0 || cell->mark != 0)
                continue;
            cell->mark = mark_of(hue);
            cell->mark_hue = (uint8_t)hue;
            break;
        }
}

static void draw_all(struct canvas *c)
{
    for (c->now = 0; c->now < c->chart->count; c->now++) {
        draw_line(c, &c->chart->series[c->now]);
        draw_curve(c, &c->chart->series[c->now]);
    }
    for (size_t i = 0; c->look->utf8 && c->marks && i < c->chart->count; i++)
        draw_marks(c, i);
}

/* ---- printing the plot */

/* Of the series in a cell, pick one by turns, depending on the column. */
static unsigned hue_of(const struct canvas *c, const struct cell *cell, int column)
{
    int turn = column % __builtin_popcountll(cell->series);

    for (size_t i = 0; i < c->chart->count; i++)
        if ((cell->series >> i & 1) && turn-- == 0)
            return c->chart->series[i].hue;
    return 0;
}

static void print_cell(FILE *f, const struct canvas *c, const struct cell *cell, int column)
{
    char text[4] = {' ', '\0'};
    unsigned hue;

    if (cell->mark == 0 && cell->series == 0 && !cell->line) {
        bit_show(f, " ");
        return;
    }
    if (cell->mark != 0 || cell->series != 0) {
        hue = cell->mark != 0 ? cell->mark_hue : hue_of(c, cell, column);
        text[0] = cell->mark != 0 ? cell->mark : mark_of(hue);
    } else {
        hue = cell->line_hue;
        memcpy(text, c->look->utf8 ? "\xe2\x94\x8a" : ":", c->look->utf8 ? 4 : 2); /* a dashed vertical line */
    }
    begin_hue(f, c, hue);
    if (c->look->utf8 && cell->mark == 0 && cell->series != 0)
        bit_braille_text(cell->dots, text);
    bit_show(f, "%s", text);
    end_hue(f, c);
}

/* The tick at this row, or -1. */
static int tick_at(const struct canvas *c, int row)
{
    for (int i = 0; i < c->frame.y.count; i++)
        if (y_dot(c, c->frame.y.at[i]) / c->dot_y == row)
            return i;
    return -1;
}

static void print_rows(FILE *f, const struct canvas *c)
{
    const char *tick = c->look->utf8 ? "\xe2\x94\xa4" : "+", *line = c->look->utf8 ? "\xe2\x94\x82" : "|";

    for (int row = 0; row < c->rows; row++) {
        int at = tick_at(c, row), last = c->columns;
        bit_show(f, "%*s %s", c->label_width, at < 0 ? "" : c->frame.y.text[at], at < 0 ? line : tick);
        while (last > 0 && cell_at(c, last - 1, row)->series == 0 && !cell_at(c, last - 1, row)->line)
            last--;
        for (int column = 0; column < last; column++)
            print_cell(f, c, cell_at(c, column, row), column);
        bit_show(f, "\n");
    }
}

static bool has_x_tick(const struct canvas *c, int column)
{
    for (int i = 0; i < c->frame.x.count; i++)
        if (x_dot(c, c->frame.x.at[i]) / c->dot_x == column)
            return true;
    return false;
}

static void print_axis(FILE *f, const struct canvas *c)
{
    const char *corner = c->look->utf8 ? "\xe2\x94\x94" : "+", *line = c->look->utf8 ? "\xe2\x94\x80" : "-",
               *tick = c->look->utf8 ? "\xe2\x94\xac" : "+";

    bit_show(f, "%*s %s", c->label_width, "", corner);
    for (int column = 0; column < c->columns; column++)
        bit_show(f, "%s", has_x_tick(c, column) ? tick : line);
    bit_show(f, "\n");
}

/* Print each number below its tick, unless it would touch the one before it, and the axis' name at the right end. */
static void print_numbers(FILE *f, const struct canvas *c)
{
    const int left = c->label_width + 2, name = (int)strlen(c->chart->x_name),
              end = BIT_MAX(0, left + c->columns - name - 1);
    int at = 0;

    for (int i = 0; i < c->frame.x.count; i++) {
        const char *text = c->frame.x.text[i];
        int begin = left + x_dot(c, c->frame.x.at[i]) / c->dot_x - (int)strlen(text) / 2;
        if (begin < at + (at > 0) || begin + (int)strlen(text) > end)
            continue;
        bit_show(f, "%*s%s", begin - at, "", text);
        at = begin + (int)strlen(text);
    }
    if (at <= end && name < c->columns)
        bit_show(f, "%*s%s", end + 1 - at, "", c->chart->x_name);
    bit_show(f, "\n");
}

/* ---- the legend */

static int shown_width(const char *text)
{
    char *shown = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&shown, &bytes);
    int width = 0;

    if (f == NULL)
        return (int)strlen(text);
    bit_show(f, "%s", text);
    fclose(f);
    for (size_t i = 0; i < bytes; i++)
        width += (shown[i] & 0xc0) != 0x80;
    free(shown);
    return width;
}

struct legend {
    int entries, width, across, lines, left_out;
};

static struct legend plan_legend(const struct canvas *c)
{
    struct legend l = {.width = 1};

    for (size_t i = 0; i < c->chart->count; i++) {
        if (c->chart->series[i].quiet)
            continue;
        l.entries++;
        l.width = BIT_MAX(l.width, 2 + shown_width(c->chart->series[i].label));
    }
    l.width = BIT_MIN(l.width, c->look->columns - 1);
    l.across = BIT_MAX(1, (c->look->columns - 1 + 3) / (l.width + 3));
    l.lines = (l.entries + l.across - 1) / l.across;
    if (l.lines > c->look->rows / 2) {
        l.lines = BIT_MAX(1, c->look->rows / 2);
        l.left_out = l.entries - (l.lines - 1) * l.across;
    }
    return l;
}

/* Print a label; one that is too long is cut and ends in "..". */
static void print_label(FILE *f, const char *label, int room)
{
    char *cut = shown_width(label) > room ? strdup(label) : NULL;

    while (cut != NULL && *cut != '\0' && shown_width(cut) > room - 2) {
        size_t bytes = strlen(cut);
        while (bytes > 1 && (cut[bytes - 1] & 0xc0) == 0x80)
            bytes--;
        cut[bytes - 1] = '\0';
    }
    bit_show(f, "%s%s", cut != NULL ? cut : label, cut != NULL ? ".." : "");
    free(cut);
}

static void print_legend(FILE *f, const struct canvas *c, const struct legend *l)
{
    const char *sample = c->look->utf8 ? "\xe2\xa0\x92" : "-"; /* a piece of the curve */
    int at = 0;

    for (size_t i = 0; i < c->chart->count && at < l->entries - l->left_out; i++) {
        const struct bit_chart_series *s = &c->chart->series[i];
        if (s->quiet)
            continue;
        const char mark[] = {mark_of(s->hue), '\0'};
        begin_hue(f, c, s->hue);
        bit_show(f, "%s", c->marks || !c->look->utf8 ? mark : sample);
        end_hue(f, c);
        bit_show(f, " ");
        print_label(f, s->label, l->width - 2);
        at++;
        if (at % l->across == 0 || at == l->entries - l->left_out)
            bit_show(f, "\n");
        else
            bit_show(f, "%*s", 3 + BIT_MAX(0, l->width - 2 - shown_width(s->label)), "");
    }
    if (l->left_out > 0)
        bit_show(f, "and %d more\n", l->left_out);
}

/* ---- the whole */

static int count_hues(const struct bit_chart *chart)
{
    uint64_t seen = 0;

    for (size_t i = 0; i < chart->count; i++)
        seen |= UINT64_C(1) << (chart->series[i].hue % 64);
    return __builtin_popcountll(seen);
}

static int widest(const struct bit_ticks *t)
{
    int width = 0;

    for (int i = 0; i < t->count; i++)
        width = BIT_MAX(width, (int)strlen(t->text[i]));
    return width;
}

void bit_chart_text_draw(FILE *f, const struct bit_chart *chart, const struct bit_chart_look *look)
{
    const struct bit_chart_look fitted = {BIT_MAX(30, look->columns), BIT_MAX(8, look->rows), look->utf8, look->colour};
    struct canvas c = {.chart = chart, .look = &fitted, .marks = count_hues(chart) > 1};
    const struct legend legend = plan_legend(&c);

    BIT_ASSERT(chart->count <= BIT_CHART_SERIES_MAX);
    c.rows = BIT_MAX(2, fitted.rows - 3 - legend.lines);
    c.dot_x = fitted.utf8 ? BIT_BRAILLE_X : 1;
    c.dot_y = fitted.utf8 ? BIT_BRAILLE_Y : 1;
    bit_chart_frame_make(chart, BIT_MAX(2, fitted.columns / 12), BIT_MAX(2, (c.rows + 1) / 3), &c.frame);
    c.label_width = widest(&c.frame.y);
    c.columns = fitted.columns - c.label_width - 3;
    c.cell = calloc((size_t)(c.rows * c.columns), sizeof *c.cell);
    if (c.cell == NULL)
        return;
    draw_all(&c);
    print_label(f, chart->title ? chart->title : chart->y_name, fitted.columns);
    bit_show(f, "\n");
    print_rows(f, &c);
    print_axis(f, &c);
    print_numbers(f, &c);
    print_legend(f, &c, &legend);
    free(c.cell);
}
