#include "ctl/report/run_charts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/chart/chart_svg.h"
#include "ctl/client/plot_series.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

#define MARK "switch to 1.58 bits"

/* ---- which curves are read */

static void wish(struct bit_run_charts_wishes *out, enum bit_curve_what what, const char *name,
                 const Bit__Precision *in)
{
    struct bit_curve_wish *w = &out->wish[out->count];

    BIT_ASSERT(out->count < BIT_COUNT(out->wish));
    *w = (struct bit_curve_wish){.what = what, .in_one = in != NULL, .precision = in != NULL ? *in : 0};
    bit_format(w->name, sizeof w->name, "%s", name);
    out->count++;
}

void bit_run_charts_wishes(const Bit__RunSpec *spec, struct bit_run_charts_wishes *out)
{
    static const enum bit_curve_what steps[] = {BIT_CURVE_LOSS, BIT_CURVE_NORM, BIT_CURVE_LR,
                                                BIT_CURVE_ZERO, BIT_CURVE_FLIP, BIT_CURVE_RATE};
    static const Bit__Precision precisions[] = {BIT__PRECISION__SIXTEEN_BIT, BIT__PRECISION__TERNARY};

    out->count = 0;
    for (size_t i = 0; i < BIT_COUNT(steps); i++)
        wish(out, steps[i], "", NULL);
    for (size_t i = 0; i < BIT_MIN(spec->eval->n_set, (size_t)BIT_RUN_CHARTS_SETS_MAX); i++) {
        for (size_t k = 0; k < 2; k++)
            wish(out, BIT_CURVE_EVAL, spec->eval->set[i]->name, &precisions[k]);
        wish(out, BIT_CURVE_EVAL, spec->eval->set[i]->name, NULL);
    }
    for (size_t i = 0; i < BIT_MIN(spec->eval->n_task, (size_t)BIT_RUN_CHARTS_SETS_MAX); i++)
        wish(out, BIT_CURVE_TASK, spec->eval->task[i]->name != NULL ? spec->eval->task[i]->name : "", NULL);
}

/* ---- one figure */

struct figure {
    struct bit_chart chart;
    struct bit_chart_series series[BIT_CHART_SERIES_MAX];
    struct bit_chart_point *point[BIT_CHART_SERIES_MAX]; /* owned, as are the labels */
    char *label[BIT_CHART_SERIES_MAX];
    bool broad; /* as wide as the page */
};

static bool same(const struct bit_curve_wish *a, const struct bit_curve_wish *b)
{
    return a->what == b->what && a->in_one == b->in_one && (!a->in_one || a->precision == b->precision) &&
           strcmp(a->name, b->name) == 0;
}

/* A run's curve for this wish; NULL if there is none or it has no values. */
static const struct bit_run_curve *find(const struct bit_run_curves *curves, const struct bit_curve_wish *w)
{
    struct bit_run_charts_wishes wishes;

    bit_run_charts_wishes(curves->status->spec, &wishes);
    for (size_t i = 0; i < wishes.count && i < curves->count; i++)
        if (same(&wishes.wish[i], w))
            return curves->curve[i].count > 0 ? &curves->curve[i] : NULL;
    return NULL;
}

static int add(struct figure *f, const struct bit_run_curves *run, const struct bit_run_curve *curve, const char *label,
               bool quiet)
{
    const size_t i = f->chart.count;

    if (curve == NULL || i == BIT_CHART_SERIES_MAX)
        return 0;
    f->point[i] = malloc(curve->count * sizeof *f->point[i]);
    f->label[i] = strdup(label);
    f->chart.count++;
    if (f->point[i] == NULL || f->label[i] == NULL)
        return bit_fail(-ENOMEM, "a chart");
    for (size_t k = 0; k < curve->count; k++)
        f->point[i][k] = (struct bit_chart_point){(double)curve->point[k].step, curve->point[k].value, NAN, NAN};
    f->series[i] = (struct bit_chart_series){
        .label = f->label[i],
        .point = f->point[i],
        .count = curve->count,
        .mark = run->switch_after != UINT64_MAX ? (double)run->switch_after : NAN,
        .hue = (unsigned)i,
        .quiet = quiet,
    };
    return 0;
}

static void put_svg(struct bit_page_section *s, const struct figure *f, const char *of, int width, int height)
{
    char *svg = NULL;
    size_t bytes;
    FILE *out = open_memstream(&svg, &bytes);

    if (out != NULL)
        bit_chart_svg_print(out, &f->chart, width, height);
    if (out == NULL || fclose(out) != 0)
        s->h->err = -ENOMEM;
    bit_html_begin(s->h, "figure");
    if (of != NULL)
        bit_html_attribute(s->h, "class", "%s", of);
    if (s->h->err == 0)
        bit_html_markup(s->h, svg);
    bit_html_end(s->h, "figure");
    free(svg);
}

/* Print the figure, unless it is empty. */
static void draw(struct bit_page_section *s, struct figure *f)
{
    f->chart.x_name = "step";
    f->chart.mark_name = MARK;
    if (bit_chart_has_points(&f->chart) && f->broad) {
        put_svg(s, f, "whole broad", 1120, 340);
        put_svg(s, f, "narrow", 350, 260);
    } else if (bit_chart_has_points(&f->chart)) {
        put_svg(s, f, NULL, 350, 240);
    }
}

/* Print the figure and free it. */
static void put(struct bit_page_section *s, struct figure *f)
{
    f->chart.series = f->series;
    draw(s, f);
    for (size_t i = 0; i < f->chart.count; i++) {
        free(f->point[i]);
        free(f->label[i]);
    }
    free(f);
}

static struct figure *figure(struct bit_page_section *s, const char *title, const char *y_name,
                             const struct bit_curve_wish *w)
{
    struct figure *f = calloc(1, sizeof *f);

    if (f == NULL) {
        s->h->err = bit_fail(-ENOMEM, "a chart");
        return NULL;
    }
    f->chart = (struct bit_chart){.title = title, .y_name = y_name};
    f->chart.log_y = w->what == BIT_CURVE_NORM || w->what == BIT_CURVE_FLIP;
    f->broad = w->what == BIT_CURVE_LOSS;
    return f;
}

/* ---- of one run */

static void put_one(struct bit_page_section *s, const struct bit_run_curves *run, const struct bit_curve_wish *w,
                    const char *title, const char *y_name)
{
    struct figure *f = figure(s, title, y_name, w);

    if (f == NULL)
        return;
    s->h->err = add(f, run, find(run, w), "", true);
    put(s, f);
}

/* Print all curves of one kind in one figure, named by set or task. */
static void put_kind(struct bit_page_section *s, const struct bit_run_curves *run, enum bit_curve_what what,
                     const char *title, const char *y_name)
{
    struct figure *f = figure(s, title, y_name, &(struct bit_curve_wish){.what = what});
    struct bit_run_charts_wishes wishes;
    char label[BIT_CURVE_TITLE];

    if (f == NULL)
        return;
    bit_run_charts_wishes(run->status->spec, &wishes);
    for (size_t i = 0; i < wishes.count && s->h->err == 0; i++) {
        const struct bit_curve_wish *w = &wishes.wish[i];
        if (w->what != what || w->in_one != (what == BIT_CURVE_EVAL))
            continue;
        bit_format(label, sizeof label, "%s%s", w->name,
                   !w->in_one                                ? ""
                   : w->precision == BIT__PRECISION__TERNARY ? ", 1.58-bit"
                                                             : ", 16-bit");
        s->h->err = add(f, run, find(run, w), label, false);
    }
    put(s, f);
}

static const struct {
    enum bit_curve_what what;
    const char *title, *y_name;
} of_steps[] = {
    {BIT_CURVE_NORM, "Gradient norm, before clipping", "norm"},
    {BIT_CURVE_LR, "Learning rate", "learning rate"},
    {BIT_CURVE_ZERO, "Codes that are 0", "share of the codes"},
    {BIT_CURVE_FLIP, "Codes changed by a step", "share of the codes"},
    {BIT_CURVE_RATE, "Throughput", "tokens/s"},
};
static const struct bit_curve_wish loss = {.what = BIT_CURVE_LOSS};

static void begin_charts(struct bit_page_section *s)
{
    bit_html_begin(s->h, "div");
    bit_html_attribute(s->h, "class", "charts");
}

void bit_run_charts_put(struct bit_page_section *s, const struct bit_run_curves *run)
{
    begin_charts(s);
    put_one(s, run, &loss, "Training loss", "loss");
    put_kind(s, run, BIT_CURVE_EVAL, "Held-out loss", "loss");
    put_kind(s, run, BIT_CURVE_TASK, "Downstream tasks", "score");
    for (size_t i = 0; i < BIT_COUNT(of_steps); i++)
        put_one(s, run, &(struct bit_curve_wish){.what = of_steps[i].what}, of_steps[i].title, of_steps[i].y_name);
    bit_html_end(s->h, "div");
}

/* ---- of branches */

/*
 * Fill `run` with b's runs, each with this curve only. Returns false if some curve was thinned. Such curves cannot be
 * averaged, because each keeps extremes at different steps.
 */
static bool choose_curve(const struct bit_branches *b, const struct bit_curve_wish *w, struct bit_branch_run *run,
                         struct bit_run_curve *room)
{
    bool whole = true;

    for (size_t i = 0; i < b->count; i++) {
        const struct bit_run_curve *curve = find(&b->run[i].curves, w);
        run[i] = b->run[i];
        run[i].curves.count = curve != NULL;
        run[i].curves.curve = &room[i];
        if (curve == NULL)
            continue;
        room[i] = *curve;
        whole &= curve->every <= 1;
    }
    return whole;
}

static void put_branches(struct bit_page_section *s, const struct bit_branches *b, const struct bit_curve_wish *w,
                         const char *title, const char *y_name)
{
    struct bit_branches one = *b;
    struct figure *f = figure(s, title, y_name, w);
    struct bit_plot_series series = {.count = 0};
    struct bit_run_curve *room = calloc(b->count + 1, sizeof *room);

    one.run = calloc(b->count + 1, sizeof *one.run);
    if (one.run == NULL || room == NULL || f == NULL)
        s->h->err = bit_fail(-ENOMEM, "a chart");
    if (s->h->err == 0)
        s->h->err = bit_plot_series_make(&one, BIT_PLOT_STEP, !choose_curve(b, w, one.run, room), &series);
    if (s->h->err == 0) {
        f->chart.series = series.series;
        f->chart.count = BIT_MIN(series.count, (size_t)BIT_CHART_SERIES_MAX);
        f->chart.bare = true;
        draw(s, f);
    }
    bit_plot_series_finish(&series);
    free(one.run);
    free(room);
    free(f);
}

/* One chart for each set and task of the first run. */
static void put_evaluations(struct bit_page_section *s, const struct bit_branches *b)
{
    struct bit_run_charts_wishes wishes;
    char title[BIT_CURVE_TITLE];

    bit_run_charts_wishes(b->run[0].curves.status->spec, &wishes);
    for (size_t i = 0; i < wishes.count; i++) {
        const struct bit_curve_wish *w = &wishes.wish[i];
        if (bit_curve_wish_is_of_steps(w) || w->in_one)
            continue;
        bit_format(title, sizeof title, "%s %s", w->what == BIT_CURVE_EVAL ? "Held-out loss:" : "Task:", w->name);
        put_branches(s, b, w, title, w->what == BIT_CURVE_EVAL ? "loss" : "score");
    }
}

static void put_key(struct bit_page_section *s, const char *label, void (*print)(FILE *, unsigned), unsigned hue)
{
    char *key = NULL;
    size_t bytes;
    FILE *f = open_memstream(&key, &bytes);

    if (f != NULL)
        print(f, hue);
    if (f == NULL || fclose(f) != 0)
        s->h->err = -ENOMEM;
    bit_html_begin(s->h, "li");
    if (s->h->err == 0)
        bit_html_markup(s->h, key);
    bit_html_text(s->h, "%s", label);
    bit_html_end(s->h, "li");
    free(key);
}

static void print_mark(FILE *f, unsigned hue)
{
    (void)hue;
    bit_chart_svg_key_of_marks(f);
}

/* One legend for all charts, which use the same colours. */
static void put_legend(struct bit_page_section *s, const struct bit_branches *b)
{
    bool switched = false;

    for (size_t i = 0; i < b->count; i++)
        switched |= b->run[i].curves.switch_after != UINT64_MAX;
    bit_html_begin(s->h, "ul");
    bit_html_attribute(s->h, "class", "legend");
    bit_html_attribute(s->h, "aria-label", "Curves");
    for (size_t i = 0; i < b->branches; i++)
        put_key(s, b->label[i], bit_chart_svg_key, (unsigned)i);
    if (switched)
        put_key(s, MARK, print_mark, 0);
    bit_html_end(s->h, "ul");
}

void bit_run_charts_put_branches(struct bit_page_section *s, const struct bit_branches *b)
{
    put_legend(s, b);
    begin_charts(s);
    put_branches(s, b, &loss, "Training loss", "loss");
    put_evaluations(s, b);
    for (size_t i = 0; i < BIT_COUNT(of_steps); i++)
        put_branches(s, b, &(struct bit_curve_wish){.what = of_steps[i].what}, of_steps[i].title, of_steps[i].y_name);
    bit_html_end(s->h, "div");
}

bool bit_run_charts_are_there(const struct bit_run_curves *curves)
{
    for (size_t i = 0; i < curves->count; i++)
        if (curves->curve[i].count > 0)
            return true;
    return false;
}
