#include "ctl/chart/chart_svg.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show/show.h"
#include "proto/check.h"

#define FONT      13  /* pixels */
#define CHARACTER 7.2 /* approximate width of a character */
#define LINE      20  /* height of a line of the legend */
#define TOP       14
#define RIGHT     18
#define BOTTOM    46 /* for the numbers and the axis' name */
#define TITLE     26

struct drawing {
    FILE *f;
    const struct bit_chart *chart;
    struct bit_chart_frame frame;
    double left, top, width, height; /* of the plot */
    int all_width, all_height;
};

/* Each has a contrast of at least 3 with white and with 0x0d1117 (WCAG 2.2, 1.4.11). */
static const uint32_t colours[BIT_CHART_COLOURS] = {0x2b7bd6, 0xd2691e, 0x2e9447, 0xcf4a9b,
                                                    0x8a63d2, 0x16919c, 0xc0504d, 0x8f7a2e};
static const char *const dashes[] = {NULL, "7 4", "2 3", "9 3 2 3"};

uint32_t bit_chart_colour(unsigned hue)
{
    return colours[hue % BIT_CHART_COLOURS];
}

/* ---- texts */

void bit_chart_xml_text(FILE *f, const char *text)
{
    static const struct {
        char from;
        const char *to;
    } names[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};

    while (*text != '\0') {
        size_t plain = strcspn(text, "&<>\"'");
        bit_show(f, "%.*s", (int)plain, text);
        text += plain;
        for (size_t i = 0; *text != '\0' && i < BIT_COUNT(names); i++)
            if (*text == names[i].from)
                bit_show(f, "%s", names[i].to);
        text += *text != '\0';
    }
}

static int characters(const char *text)
{
    int n = 0;

    for (; *text != '\0'; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}

static void put_text(const struct drawing *d, double x, double y, const char *anchor, const char *text)
{
    bit_show(d->f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    bit_chart_xml_text(d->f, text);
    bit_show(d->f, "</text>\n");
}

/* ---- places */

static double px(const struct drawing *d, double x)
{
    return d->left + bit_chart_frame_x(&d->frame, x) * d->width;
}

static double py(const struct drawing *d, double y)
{
    return d->top + (1 - bit_chart_frame_y(&d->frame, y)) * d->height;
}

/* ---- axes */

static void print_y_axis(const struct drawing *d)
{
    for (int i = 0; i < d->frame.y.count; i++) {
        double y = py(d, d->frame.y.at[i]);
        bit_show(d->f, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#808080\" stroke-opacity=\".25\"/>\n", d->left, y,
                 d->left + d->width);
        put_text(d, d->left - 7, y + 4.5, "end", d->frame.y.text[i]);
    }
    const double middle = d->top + d->height / 2;
    bit_show(d->f, "<text transform=\"translate(15 %.1f) rotate(-90)\" text-anchor=\"middle\">", middle);
    bit_chart_xml_text(d->f, d->chart->y_name);
    bit_show(d->f, "</text>\n");
}

static void print_x_axis(const struct drawing *d)
{
    const double floor_y = d->top + d->height;

    for (int i = 0; i < d->frame.x.count; i++) {
        double x = px(d, d->frame.x.at[i]);
        bit_show(d->f, "<path d=\"M%.1f %.1fv5\" stroke=\"#808080\"/>\n", x, floor_y);
        put_text(d, x, floor_y + 19, "middle", d->frame.x.text[i]);
    }
    put_text(d, d->left + d->width / 2, floor_y + 38, "middle", d->chart->x_name);
    bit_show(d->f, "<path d=\"M%.1f %.1fV%.1fH%.1f\" fill=\"none\" stroke=\"#808080\"/>\n", d->left, d->top, floor_y,
             d->left + d->width);
}

/* ---- a curve */

struct pen {
    const struct drawing *d;
    bool down;
    double x, y; /* current position */
};

static void move_to(struct pen *p, double x, double y)
{
    bit_show(p->d->f, "%s%.1f %.1f", p->down ? "L" : "M", x, y);
    p->down = true;
    p->x = x;
    p->y = y;
}

/* The points in one column, half a pixel wide: only these values are visible. */
struct column {
    double x, first, low, high, last;
    size_t count;
};

static void flush(struct pen *p, struct column *c)
{
    if (c->count > 0)
        move_to(p, c->x, c->first);
    if (c->count > 2 && c->low < BIT_MIN(c->first, c->last))
        move_to(p, c->x, c->low);
    if (c->count > 2 && c->high > BIT_MAX(c->first, c->last))
        move_to(p, c->x, c->high);
    if (c->count > 1 && c->last != p->y)
        move_to(p, c->x, c->last);
    c->count = 0;
}

static void add_to_column(struct pen *p, struct column *c, double x, double y)
{
    if (c->count > 0 && floor(2 * x) != floor(2 * c->x))
        flush(p, c);
    if (c->count == 0)
        *c = (struct column){x, y, y, y, y, 0};
    c->low = fmin(c->low, y);
    c->high = fmax(c->high, y);
    c->last = y;
    c->count++;
}

static void print_path(const struct drawing *d, const struct bit_chart_series *s)
{
    struct pen pen = {.d = d};
    struct column column = {.count = 0};

    for (size_t i = 0; i < s->count; i++) {
        double y = py(d, s->point[i].y);
        if (isfinite(y)) {
            add_to_column(&pen, &column, px(d, s->point[i].x), y);
            continue;
        }
        flush(&pen, &column);
        pen.down = false;
    }
    flush(&pen, &column);
}

static bool is_alone(const struct drawing *d, const struct bit_chart_series *s, size_t i)
{
    return isfinite(py(d, s->point[i].y)) && (i == 0 || !isfinite(py(d, s->point[i - 1].y))) &&
           (i + 1 == s->count || !isfinite(py(d, s->point[i + 1].y)));
}

/* A point without neighbours has no line; draw a circle. */
static void print_lone_points(const struct drawing *d, const struct bit_chart_series *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (is_alone(d, s, i))
            bit_show(d->f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"#%06x\"/>\n", px(d, s->point[i].x),
                     py(d, s->point[i].y), bit_chart_colour(s->hue));
}

static void print_dash(FILE *f, unsigned hue)
{
    const char *dash = dashes[hue / BIT_CHART_COLOURS % BIT_COUNT(dashes)];

    if (dash != NULL)
        bit_show(f, " stroke-dasharray=\"%s\"", dash);
}

static void print_curve(const struct drawing *d, const struct bit_chart_series *s)
{
    bit_show(d->f, "<path fill=\"none\" stroke=\"#%06x\" stroke-width=\"1.7\" stroke-linejoin=\"round\"",
             bit_chart_colour(s->hue));
    print_dash(d->f, s->hue);
    bit_show(d->f, " d=\"");
    print_path(d, s);
    bit_show(d->f, "\"/>\n");
    print_lone_points(d, s);
}

/* ---- bands and lines */

static bool has_band(const struct drawing *d, const struct bit_chart_point *p)
{
    return isfinite(py(d, p->low)) && isfinite(py(d, p->high));
}

/* One polygon from point `from` to before `to`: along the upper bounds, and back along the lower ones. */
static void print_band_part(const struct drawing *d, const struct bit_chart_series *s, size_t from, size_t to)
{
    const size_t every = 1 + (to - from) / (size_t)(2 * d->width);

    bit_show(d->f, "<path fill=\"#%06x\" fill-opacity=\".18\" d=\"", bit_chart_colour(s->hue));
    for (size_t i = from; i < to; i += every)
        bit_show(d->f, "%s%.1f %.1f", i == from ? "M" : "L", px(d, s->point[i].x), py(d, s->point[i].high));
    for (size_t i = from + (to - 1 - from) / every * every;; i -= every) {
        bit_show(d->f, "L%.1f %.1f", px(d, s->point[i].x), py(d, s->point[i].low));
        if (i == from)
            break;
    }
    bit_show(d->f, "Z\"/>\n");
}

static void print_band(const struct drawing *d, const struct bit_chart_series *s)
{
    for (size_t from = 0, to; from < s->count; from = to + 1) {
        for (to = from; to < s->count && has_band(d, &s->point[to]); to++)
            ;
        if (to > from + 1)
            print_band_part(d, s, from, to);
    }
}

static bool is_within(const struct drawing *d, double x)
{
    double at = isfinite(x) ? bit_chart_frame_x(&d->frame, x) : -1;

    return at >= 0 && at <= 1;
}

/* Grey if curves of several hues have a vertical line at the same x. */
static uint32_t line_colour(const struct drawing *d, size_t series)
{
    const struct bit_chart_series *all = d->chart->series;

    for (size_t i = 0; i < d->chart->count; i++)
        if (all[i].mark == all[series].mark && all[i].hue != all[series].hue)
            return BIT_CHART_GREY;
    return bit_chart_colour(all[series].hue);
}

static void print_line(const struct drawing *d, size_t series)
{
    const struct bit_chart_series *all = d->chart->series;

    if (!is_within(d, all[series].mark))
        return;
    for (size_t i = 0; i < series; i++)
        if (all[i].mark == all[series].mark)
            return;
    bit_show(d->f, "<path d=\"M%.1f %.1fv%.1f\" stroke=\"#%06x\" stroke-dasharray=\"4 4\" stroke-opacity=\".8\"/>\n",
             px(d, all[series].mark), d->top, d->height, line_colour(d, series));
}

static bool has_lines(const struct drawing *d)
{
    for (size_t i = 0; i < d->chart->count; i++)
        if (is_within(d, d->chart->series[i].mark))
            return true;
    return false;
}

/* ---- the legend */

struct legend {
    double entry; /* width of one entry */
    int across, lines;
};

static struct legend plan_legend(const struct bit_chart *chart, double width, bool lines)
{
    int widest = lines && chart->mark_name ? characters(chart->mark_name) : 1, entries = lines ? 1 : 0;

    for (size_t i = 0; i < chart->count; i++) {
        if (chart->series[i].quiet)
            continue;
        entries++;
        widest = BIT_MAX(widest, characters(chart->series[i].label));
    }
    struct legend l = {.entry = 30 + CHARACTER * widest + 20};
    l.across = BIT_MAX(1, (int)(width / l.entry));
    l.lines = chart->bare ? 0 : (entries + l.across - 1) / l.across;
    return l;
}

static void print_entry(const struct drawing *d, const struct legend *l, int at, uint32_t colour, unsigned hue,
                        bool line, const char *label)
{
    const double x = d->left + at % l->across * l->entry, y = d->top + d->height + BOTTOM + 12 + at / l->across * LINE;

    bit_show(d->f, "<path d=\"M%.1f %.1fh22\" stroke=\"#%06x\" stroke-width=\"%s\"", x, y - 4.5, colour,
             line ? "1" : "2.5");
    if (line)
        bit_show(d->f, " stroke-dasharray=\"4 4\"");
    else
        print_dash(d->f, hue);
    bit_show(d->f, "/>\n");
    put_text(d, x + 29, y, "start", label);
}

static void print_legend(const struct drawing *d, const struct legend *l)
{
    int at = 0;

    for (size_t i = 0; !d->chart->bare && i < d->chart->count; i++)
        if (!d->chart->series[i].quiet)
            print_entry(d, l, at++, bit_chart_colour(d->chart->series[i].hue), d->chart->series[i].hue, false,
                        d->chart->series[i].label);
    if (!d->chart->bare && has_lines(d) && d->chart->mark_name != NULL)
        print_entry(d, l, at, BIT_CHART_GREY, 0, true, d->chart->mark_name);
}

#define KEY_WIDTH  28
#define KEY_HEIGHT 10

static void begin_key(FILE *f)
{
    bit_show(f,
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
             "aria-hidden=\"true\"><path d=\"M0 %d.5h%d\"",
             KEY_WIDTH, KEY_HEIGHT, KEY_WIDTH, KEY_HEIGHT, KEY_HEIGHT / 2, KEY_WIDTH);
}

void bit_chart_svg_key(FILE *f, unsigned hue)
{
    begin_key(f);
    bit_show(f, " stroke=\"#%06x\" stroke-width=\"3\"", bit_chart_colour(hue));
    print_dash(f, hue);
    bit_show(f, "/></svg>");
}

void bit_chart_svg_key_of_marks(FILE *f)
{
    begin_key(f);
    bit_show(f, " stroke=\"#%06x\" stroke-dasharray=\"4 4\"/></svg>", BIT_CHART_GREY);
}

/* ---- the whole */

static int widest_number(const struct bit_ticks *t)
{
    int width = 0;

    for (int i = 0; i < t->count; i++)
        width = BIT_MAX(width, (int)strlen(t->text[i]));
    return width;
}

static void lay_out(struct drawing *d, int width, int height)
{
    d->top = TOP + (d->chart->title != NULL ? TITLE : 0);
    d->height = height - d->top - BOTTOM;
    bit_chart_frame_make(d->chart, BIT_MAX(2, width / 90), BIT_MAX(2, (int)(d->height / 42)), &d->frame);
    d->left = 34 + CHARACTER * widest_number(&d->frame.y);
    d->width = width - d->left - RIGHT;
}

static void print_head(const struct drawing *d)
{
    bit_show(d->f,
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" "
             "font-family=\"system-ui, sans-serif\" font-size=\"%d\" fill=\"#%06x\">\n<title>",
             d->all_width, d->all_height, d->all_width, d->all_height, FONT, BIT_CHART_GREY);
    bit_chart_xml_text(d->f, d->chart->title != NULL ? d->chart->title : d->chart->y_name);
    bit_show(d->f, "</title>\n");
    if (d->chart->title == NULL)
        return;
    bit_show(d->f, "<text x=\"%.1f\" y=\"22\" font-size=\"15\" font-weight=\"600\">", d->left);
    bit_chart_xml_text(d->f, d->chart->title);
    bit_show(d->f, "</text>\n");
}

void bit_chart_svg_print(FILE *f, const struct bit_chart *chart, int width, int height)
{
    struct drawing d = {.f = f, .chart = chart, .all_width = BIT_MAX(320, width)};

    lay_out(&d, d.all_width, BIT_MAX(200, height));
    const struct legend legend = plan_legend(chart, d.width, has_lines(&d));
    d.all_height = BIT_MAX(200, height) + legend.lines * LINE;
    print_head(&d);
    print_y_axis(&d);
    print_x_axis(&d);
    for (size_t i = 0; i < chart->count; i++)
        print_band(&d, &chart->series[i]);
    for (size_t i = 0; i < chart->count; i++)
        print_line(&d, i);
    for (size_t i = 0; i < chart->count; i++)
        print_curve(&d, &chart->series[i]);
    print_legend(&d, &legend);
    bit_show(f, "</svg>\n");
}
