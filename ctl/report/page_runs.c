#include "ctl/report/page_runs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/chart/chart.h"
#include "ctl/report/page_sweep.h"
#include "ctl/report/run_charts.h"
#include "ctl/show/diff.h"
#include "ctl/show/print.h"
#include "proto/check.h"

/* ---- figures */

static void link_cell(struct bit_page_section *s, const Bit__RunStatus *m)
{
    s->column++;
    bit_html_begin(s->h, "td");
    bit_html_begin(s->h, "a");
    bit_html_attribute(s->h, "href", "#%s", m->run);
    bit_html_text(s->h, "%s", m->name);
    bit_html_end(s->h, "a");
    bit_html_text(s->h, " %s", m->run);
    bit_html_end(s->h, "td");
}

/* The newest evaluation of the first set that has one in this precision. */
static const Bit__EvaluateReport *held_out(const Bit__RunStatus *m, Bit__Precision precision)
{
    const Bit__EvaluateReport *found = NULL;

    for (size_t i = 0; i < m->n_held_out; i++)
        if (m->held_out[i]->precision == precision && !m->held_out[i]->has_part && found == NULL)
            found = m->held_out[i];
    return found;
}

static void loss_cell(struct bit_page_section *s, const Bit__EvaluateReport *e)
{
    if (e != NULL)
        bit_section_cell(s, "%.4f", e->loss);
    else
        bit_section_cell(s, "-");
}

static void tell_figures(struct bit_page_section *s, const struct bit_run_past *p)
{
    const Bit__RunStatus *m = p->status;

    bit_section_row_begin(s, m->state == BIT__RUN_STATE__FAILED);
    link_cell(s, m);
    bit_section_cell(s, "%s", bit_text_state(m->state));
    bit_section_cell(s, "%" PRIu64 " of %" PRIu64, m->step, m->steps);
    if (m->has_switch_after)
        bit_section_cell(s, "%" PRIu64, m->switch_after);
    else
        bit_section_cell(s, "-");
    if (m->last != NULL)
        bit_section_cell(s, "%.4f", m->last->loss);
    else
        bit_section_cell(s, "-");
    loss_cell(s, held_out(m, BIT__PRECISION__SIXTEEN_BIT));
    loss_cell(s, held_out(m, BIT__PRECISION__TERNARY));
    bit_section_cell(s, "%u", m->restarts);
    if (m->has_weights_digest)
        bit_section_cell(s, "%016" PRIx64, m->weights_digest);
    else
        bit_section_cell(s, "-");
    bit_section_row_end(s);
}

static void put_figures(struct bit_page_section *s, const struct bit_page *page)
{
    static const char *const columns[] = {"Run",
                                          "State",
                                          "Steps",
                                          "Switch after",
                                          "Last loss",
                                          "Held out, 16-bit",
                                          "Held out, 1.58-bit",
                                          "Launches lost",
                                          "Weights at the end",
                                          NULL};

    bit_section_table_begin(s, "The runs side by side", columns, "llnnnnnnl");
    for (size_t i = 0; i < page->count; i++)
        tell_figures(s, &page->run[i]);
    bit_section_table_end(s);
}

/* ---- settings that differ */

#define SETTINGS_MAX 10 /* columns; of more only the first */

struct differences {
    const char *path[SETTINGS_MAX + 2]; /* ends with NULL; the first is the column of runs */
    size_t count, left_out;
    struct bit_diff_setting *of; /* (runs, BIT_DIFF_SETTINGS_MAX): each run against the first; owned, as is counts */
    size_t *counts;
};

static const struct bit_diff_setting *find(const struct differences *d, size_t run, const char *path)
{
    for (size_t i = 0; i < d->counts[run]; i++)
        if (strcmp(d->of[run * BIT_DIFF_SETTINGS_MAX + i].path, path) == 0)
            return &d->of[run * BIT_DIFF_SETTINGS_MAX + i];
    return NULL;
}

static void add_path(struct differences *d, const char *path)
{
    for (size_t i = 1; i <= d->count; i++)
        if (strcmp(d->path[i], path) == 0)
            return;
    if (strcmp(path, "name") == 0)
        return;
    if (d->count == SETTINGS_MAX)
        d->left_out++;
    else
        d->path[++d->count] = path;
}

static bool collect(struct differences *d, const struct bit_page *page)
{
    *d = (struct differences){.path = {"Run"}};
    d->of = calloc(page->count * BIT_DIFF_SETTINGS_MAX, sizeof *d->of);
    d->counts = calloc(page->count, sizeof *d->counts);
    if (d->of == NULL || d->counts == NULL)
        return false;
    for (size_t i = 1; i < page->count; i++) {
        struct bit_diff_setting *of = d->of + i * BIT_DIFF_SETTINGS_MAX;
        d->counts[i] = bit_diff_settings(page->run[0].status->spec, page->run[i].status->spec, NULL, of);
        for (size_t k = 0; k < d->counts[i]; k++)
            add_path(d, of[k].path);
    }
    return true;
}

/* The first run's value is taken from the comparison of a run that differs from it. */
static const char *value_of(const struct differences *d, size_t run, const char *path, size_t runs)
{
    const struct bit_diff_setting *own = find(d, run, path);

    for (size_t i = 1; own == NULL && i < runs; i++) {
        const struct bit_diff_setting *other = find(d, i, path);
        if (other != NULL)
            return other->a;
    }
    return own != NULL ? own->b : "";
}

static void put_settings(struct bit_page_section *s, const struct bit_page *page)
{
    static const char kinds[SETTINGS_MAX + 2] = "lllllllllll";
    struct differences d;

    if (!collect(&d, page))
        s->h->err = -ENOMEM;
    else if (d.count > 0) {
        bit_section_paragraph(s, "In which settings they differ:");
        bit_section_table_begin(s, "Settings that differ between the runs", d.path, kinds + SETTINGS_MAX - d.count);
        for (size_t i = 0; i < page->count; i++) {
            bit_section_row_begin(s, false);
            link_cell(s, page->run[i].status);
            for (size_t k = 1; k <= d.count; k++)
                bit_section_cell(s, "%s", value_of(&d, i, d.path[k], page->count));
            bit_section_row_end(s);
        }
        bit_section_table_end(s);
        if (d.left_out > 0)
            bit_section_paragraph(s, "There are more settings that differ: bitctl diff compares two runs.");
    }
    free(d.of);
    free(d.counts);
}

/* ---- curves */

static void put_curves(struct bit_page_section *s, const struct bit_page *page, const struct bit_branches *b)
{
    bool any = false, several = false;

    for (size_t i = 0; i < page->count; i++)
        any |= bit_run_charts_are_there(&page->run[i].curves);
    for (size_t i = 0; i < b->branches; i++)
        several |= bit_branches_size(b, i) > 1;
    if (!any)
        return;
    if (several)
        bit_section_paragraph(s,
                              "Curves are means over the runs of a branch, which differ in their seeds alone, at every "
                              "step that all of them have; the band is one standard deviation to each side.");
    bit_run_charts_put_branches(s, b);
    if (b->branches > BIT_CHART_SERIES_MAX)
        bit_section_paragraph(s, "Drawn are the first %d of %zu branches.", BIT_CHART_SERIES_MAX, b->branches);
}

void bit_page_runs_print(struct bit_page_section *s, const struct bit_page *page, const struct bit_branches *b)
{
    bit_section_begin(s, "runs", "Side by side");
    put_curves(s, page, b);
    put_figures(s, page);
    put_settings(s, page);
    bit_section_end(s);
}
