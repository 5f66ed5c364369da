#include "ctl/client/plot_series.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

/* ---- x */

static const char *const x_names[] = {
    [BIT_PLOT_STEP] = "step", [BIT_PLOT_TOKENS] = "tokens", [BIT_PLOT_SINCE_SWITCH] = "since-switch"};

bool bit_plot_x_parse(const char *text, enum bit_plot_x *out)
{
    for (size_t i = 0; i < BIT_COUNT(x_names); i++)
        if (strcmp(text, x_names[i]) == 0) {
            *out = (enum bit_plot_x)i;
            return true;
        }
    return false;
}

const char *bit_plot_x_name(enum bit_plot_x x)
{
    return x_names[x];
}

double bit_plot_x_of(enum bit_plot_x x, const struct bit_run_curves *run, uint64_t step)
{
    if (x == BIT_PLOT_TOKENS)
        return (double)step * (double)run->step_tokens;
    return x == BIT_PLOT_STEP ? (double)step : (double)step - (double)run->switch_after;
}

/* The step at x, as a real number. */
static double step_of(enum bit_plot_x x, const struct bit_run_curves *run, double at)
{
    if (x == BIT_PLOT_TOKENS)
        return at / (double)BIT_MAX(1, run->step_tokens);
    return x == BIT_PLOT_STEP ? at : at + (double)run->switch_after;
}

void bit_plot_x_steps(enum bit_plot_x x, const struct bit_run_curves *run, double from, double to, uint64_t *low,
                      uint64_t *high)
{
    const double first = ceil(step_of(x, run, from)), last = floor(step_of(x, run, to)), most = (double)BIT_STEPS_MAX;

    *low = first > most ? BIT_STEPS_MAX + 1 : first > 0 ? (uint64_t)first : 0;
    *high = last >= most ? BIT_STEPS_MAX : last > 0 ? (uint64_t)last : 0;
    if (last < 0) {
        *low = 1;
        *high = 0;
    }
}

/* ---- series */

static double mark_of(enum bit_plot_x x, const struct bit_run_curves *run)
{
    return run->switch_after == UINT64_MAX ? NAN : bit_plot_x_of(x, run, run->switch_after);
}

/* Adds a series with room for so many points; NULL: no memory. */
static struct bit_chart_series *add_series(struct bit_plot_series *p, size_t points)
{
    struct bit_chart_series *series = realloc(p->series, (p->count + 1) * sizeof *series);

    if (series == NULL)
        return NULL;
    p->series = series;
    struct bit_chart_point **point = realloc(p->point, (p->count + 1) * sizeof *point);
    if (point == NULL)
        return NULL;
    p->point = point;
    point[p->count] = malloc((points + 1) * sizeof **point);
    if (point[p->count] == NULL)
        return NULL;
    series[p->count] = (struct bit_chart_series){.point = point[p->count], .mark = NAN};
    return &series[p->count++];
}

/* A label with the number of runs in the mean, and the step of their switch. */
static char *label_of(const char *label, size_t runs, const struct bit_run_curves *first, enum bit_plot_x x)
{
    char text[BIT_BRANCH_LABEL + 96];
    int at = snprintf(text, sizeof text, "%s", label);

    if (runs > 1)
        at += snprintf(text + at, sizeof text - (size_t)at, ", mean of %zu", runs);
    if (x != BIT_PLOT_SINCE_SWITCH && first != NULL && first->switch_after != UINT64_MAX)
        snprintf(text + at, sizeof text - (size_t)at, ", switch after %" PRIu64, first->switch_after);
    return strdup(text);
}

static int add_run(struct bit_plot_series *p, const struct bit_branches *b, size_t i, enum bit_plot_x x, bool first)
{
    const struct bit_run_curves *run = &b->run[i].curves;
    const struct bit_run_curve *c = run->curve;
    struct bit_chart_series *s = add_series(p, c->count);

    if (s == NULL)
        return bit_fail(-ENOMEM, "a curve");
    for (size_t k = 0; k < c->count; k++)
        p->point[p->count - 1][k] = (struct bit_chart_point){bit_plot_x_of(x, run, c->point[k].step), c->point[k].value,
                                                             NAN, NAN};
    s->count = c->count;
    s->mark = mark_of(x, run);
    s->hue = (unsigned)b->run[i].branch;
    s->quiet = !first;
    s->label = label_of(b->label[b->run[i].branch], 1, run, x);
    return s->label != NULL ? 0 : bit_fail(-ENOMEM, "a label");
}

/* The runs of a branch, and the next point of each. */
struct walk {
    const struct bit_run_curves **run;
    size_t *at;
    size_t count;
    enum bit_plot_x x;
};

/*
 * Whether all runs have a point at the same x; if not, those with a smaller x move on by one. With since-switch x is
 * not the step.
 */
static bool meet(struct walk *w, bool *more)
{
    double furthest = -INFINITY;
    bool all = true;

    for (size_t i = 0; i < w->count; i++) {
        *more &= w->at[i] < w->run[i]->curve->count;
        if (!*more)
            return false;
        furthest = fmax(furthest, bit_plot_x_of(w->x, w->run[i], w->run[i]->curve->point[w->at[i]].step));
    }
    for (size_t i = 0; i < w->count; i++)
        if (bit_plot_x_of(w->x, w->run[i], w->run[i]->curve->point[w->at[i]].step) < furthest) {
            w->at[i]++;
            all = false;
        }
    return all;
}

static struct bit_chart_point mean_here(const struct walk *w)
{
    const double n = (double)w->count;
    double sum = 0, squares = 0;

    for (size_t i = 0; i < w->count; i++)
        sum += w->run[i]->curve->point[w->at[i]].value;
    for (size_t i = 0; i < w->count; i++)
        squares += pow(w->run[i]->curve->point[w->at[i]].value - sum / n, 2);
    const double deviation = sqrt(squares / (n - 1));
    return (struct bit_chart_point){bit_plot_x_of(w->x, w->run[0], w->run[0]->curve->point[w->at[0]].step), sum / n,
                                    sum / n - deviation, sum / n + deviation};
}

static size_t make_means(struct walk *w, struct bit_chart_point *out)
{
    size_t n = 0;

    for (bool more = true; more;)
        if (meet(w, &more) && more) {
            out[n++] = mean_here(w);
            for (size_t i = 0; i < w->count; i++)
                w->at[i]++;
        }
    return n;
}

static int add_mean(struct bit_plot_series *p, const struct walk *of, const char *label, unsigned hue)
{
    struct walk w = *of;
    struct bit_chart_series *s = add_series(p, w.run[0]->curve->count);

    if (s == NULL)
        return bit_fail(-ENOMEM, "a curve");
    s->count = make_means(&w, p->point[p->count - 1]);
    s->mark = mark_of(w.x, w.run[0]);
    const struct bit_run_curves *first = w.run[0];
    for (size_t i = 1; i < w.count; i++)
        if (w.run[i]->switch_after != w.run[0]->switch_after) {
            s->mark = w.x == BIT_PLOT_SINCE_SWITCH ? 0 : NAN;
            first = NULL;
        }
    s->hue = hue;
    s->label = label_of(label, w.count, first, w.x);
    return s->label != NULL ? 0 : bit_fail(-ENOMEM, "a label");
}

static int add_branch(struct bit_plot_series *p, const struct bit_branches *b, size_t branch, enum bit_plot_x x,
                      bool each)
{
    struct walk w = {calloc(b->count, sizeof *w.run), calloc(b->count, sizeof *w.at), 0, x};
    int err = w.run == NULL || w.at == NULL ? bit_fail(-ENOMEM, "a branch") : 0;
    bool first = true;

    for (size_t i = 0; i < b->count && err == 0; i++) {
        if (b->run[i].branch != branch || b->run[i].curves.count == 0 || b->run[i].curves.curve->count == 0)
            continue;
        w.run[w.count++] = &b->run[i].curves;
        if (each || bit_branches_size(b, branch) == 1)
            err = add_run(p, b, i, x, first);
        first = false;
    }
    if (err == 0 && w.count > 0 && !each && bit_branches_size(b, branch) > 1)
        err = add_mean(p, &w, b->label[branch], (unsigned)branch);
    free(w.run);
    free(w.at);
    return err;
}

int bit_plot_series_make(const struct bit_branches *b, enum bit_plot_x x, bool each, struct bit_plot_series *out)
{
    int err = 0;

    *out = (struct bit_plot_series){.count = 0};
    for (size_t branch = 0; branch < b->branches && err == 0; branch++)
        err = add_branch(out, b, branch, x, each);
    return err;
}

void bit_plot_series_finish(struct bit_plot_series *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(bit_lend(p->series[i].label));
        free(p->point[i]);
    }
    free(p->series);
    free(p->point);
    *p = (struct bit_plot_series){.count = 0};
}
