#include "ctl/report/page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "config.h"
#include "ctl/client/run_status.h"
#include "ctl/report/page_branches.h"
#include "ctl/report/page_runs.h"
#include "ctl/report/page_style.h"
#include "ctl/report/page_sweep.h"
#include "ctl/report/run_sections.h"
#include "ctl/show/print.h"
#include "proto/err.h"
#include "proto/format.h"

/* Whether the page is on one run only. */
static bool is_alone(const struct bit_page *page)
{
    return page->sweep == NULL && page->count == 1;
}

/* ---- the head */

static void meta(struct bit_html *h, const char *key, const char *name, const char *content)
{
    bit_html_begin(h, "meta");
    bit_html_attribute(h, key, "%s", name);
    bit_html_attribute(h, "content", "%s", content);
    bit_html_end(h, "meta");
}

/* Blocks scripts and requests, even if some text could be taken for one. */
#define POLICY "default-src 'none'; style-src 'unsafe-inline'"

static void put_head(struct bit_html *h, const struct bit_page *page)
{
    bit_html_begin(h, "head");
    bit_html_begin(h, "meta");
    bit_html_attribute(h, "charset", "utf-8");
    bit_html_end(h, "meta");
    meta(h, "http-equiv", "Content-Security-Policy", POLICY);
    meta(h, "name", "viewport", "width=device-width, initial-scale=1");
    meta(h, "name", "color-scheme", "light dark");
    if (page->sweep != NULL)
        bit_html_element(h, "title", "%s (%s): a report by bitd", page->sweep->name, page->sweep->sweep);
    else if (page->count == 1)
        bit_html_element(h, "title", "%s (%s): a report by bitd", page->run[0].status->name, page->run[0].status->run);
    else
        bit_html_element(h, "title", "%zu runs: a report by bitd", page->count);
    bit_html_begin(h, "style");
    bit_html_markup(h, bit_page_style);
    bit_html_end(h, "style");
    bit_html_end(h, "head");
}

/* ---- one run */

static const char *class_of(Bit__RunState state)
{
    switch (state) {
    case BIT__RUN_STATE__COMPLETED:
        return "state good";
    case BIT__RUN_STATE__FAILED:
    case BIT__RUN_STATE__BLOCKED:
        return "state bad";
    default:
        return "state";
    }
}

static void put_state(struct bit_html *h, Bit__RunState state, const char *reason)
{
    bit_html_begin(h, "p");
    bit_html_attribute(h, "class", "%s", class_of(state));
    bit_html_element(h, "b", "%s", bit_text_state(state));
    if (reason != NULL && reason[0] != '\0')
        bit_html_text(h, " %s", reason);
    if (!bit_run_status_is_end(state))
        bit_html_text(h, " It has not ended: this report shows its journal so far.");
    bit_html_end(h, "p");
}

static void put_name(struct bit_html *h, const char *heading, const char *name, const char *id)
{
    bit_html_begin(h, heading);
    bit_html_text(h, "%s ", name);
    bit_html_element(h, "small", "%s", id);
    bit_html_end(h, heading);
}

static void put_words(struct bit_html *h, const Bit__RunStatus *m)
{
    if (m->note != NULL)
        bit_html_classed(h, "p", "note", "%s", m->note);
    if (m->n_tag == 0)
        return;
    bit_html_begin(h, "p");
    for (size_t i = 0; i < m->n_tag; i++)
        bit_html_classed(h, "span", "tag", "%s", m->tag[i]);
    bit_html_end(h, "p");
}

static void put_sections(struct bit_page_section *s, const struct bit_page *page)
{
    bit_section_overview(s);
    bit_section_curves(s);
    bit_section_family(s, page->all);
    bit_section_switch(s);
    bit_section_evaluations(s);
    bit_section_tasks(s);
    bit_section_changes(s);
    bit_section_events(s);
    bit_section_speed(s);
    bit_section_machines(s);
    bit_section_data(s);
    bit_section_digests(s);
    bit_section_spec(s);
}

/* Links to the sections that were printed. */
static void put_contents(struct bit_html *h, const struct bit_page_section *s)
{
    char anchor[BIT_SECTION_ANCHOR];

    bit_html_begin(h, "nav");
    bit_html_attribute(h, "aria-label", "Sections on %s", s->run->status->run);
    for (size_t i = 0; i < s->count; i++) {
        bit_html_begin(h, "a");
        bit_html_attribute(h, "href", "#%s", bit_section_anchor(s, s->id[i], anchor));
        bit_html_text(h, "%s", s->title[i]);
        bit_html_end(h, "a");
        bit_html_text(h, " ");
    }
    bit_html_end(h, "nav");
}

/* The sections are printed first, because the links depend on which of them have content. */
static void put_run(struct bit_html *h, const struct bit_page *page, const struct bit_run_past *run)
{
    char *sections = NULL;
    size_t bytes;
    FILE *f = open_memstream(&sections, &bytes);
    struct bit_html inner;
    struct bit_page_section s = {.h = &inner, .run = run, .level = is_alone(page) ? 2 : 3};

    if (f == NULL) {
        h->err = -ENOMEM;
        return;
    }
    bit_html_init(&inner, f);
    put_sections(&s, page);
    int err = bit_html_finish(&inner);
    if (fclose(f) != 0 || err < 0)
        h->err = -ENOMEM;
    bit_html_begin(h, "article");
    bit_html_attribute(h, "id", "%s", run->status->run);
    put_name(h, is_alone(page) ? "h1" : "h2", run->status->name, run->status->run);
    put_state(h, run->status->state, run->status->reason);
    put_words(h, run->status);
    if (!is_alone(page)) { /* with several runs, the comparison comes first and details are folded */
        bit_html_begin(h, "details");
        bit_html_element(h, "summary", "All about %s", run->status->run);
    }
    put_contents(h, &s);
    if (h->err == 0)
        bit_html_markup(h, sections);
    if (!is_alone(page))
        bit_html_end(h, "details");
    bit_html_end(h, "article");
    free(sections);
}

/* ---- several runs */

static void put_together(struct bit_html *h, const struct bit_page *page)
{
    struct bit_page_section s = {.h = h, .level = 2};
    struct bit_branches branches;
    const int err = bit_page_branches_make(page, &branches);

    if (err < 0)
        h->err = err;
    if (page->sweep != NULL) {
        put_name(h, "h1", page->sweep->name, page->sweep->sweep);
        put_state(h, page->sweep->state, page->sweep->reason);
        bit_page_sweep_print(&s, page);
        if (err == 0)
            bit_page_branches_print_effects(&s, &branches);
    } else {
        bit_html_element(h, "h1", "%zu runs", page->count);
    }
    if (page->count > 1 && err == 0)
        bit_page_runs_print(&s, page, &branches);
    if (page->sweep != NULL)
        bit_page_sweep_print_events(&s, page->sweep);
    bit_branches_finish(&branches);
}

/* ---- the whole */

static void put_foot(struct bit_html *h, const struct bit_page *page)
{
    char text[BIT_SECTION_TIME];

    bit_html_begin(h, "footer");
    bit_html_element(h, "p",
                     "Made from bitd's journal; nothing else is included. All times are UTC. "
                     "A digest is the XXH3 of the fp32 weights or moments of all ranks; the chain hashes data, "
                     "learning rate, loss and gradient norm of every step, so that equal chains are equal "
                     "histories.");
    bit_html_begin(h, "p");
    bit_html_attribute(h, "id", "generated");
    bit_html_text(h, "Made %s UTC by bitctl %s (%s)", bit_section_time_text(page->made_ns, text), BIT_VERSION,
                  BIT_COMMIT);
    bit_html_text(h, "; its data are from bitd %s (%s).", page->bitd->version, page->bitd->commit);
    bit_html_end(h, "p");
    bit_html_end(h, "footer");
}

int bit_page_print(FILE *f, const struct bit_page *page)
{
    struct bit_html h;

    bit_html_init(&h, f);
    bit_html_markup(&h, "<!DOCTYPE html>");
    bit_html_begin(&h, "html");
    bit_html_attribute(&h, "lang", "en");
    put_head(&h, page);
    bit_html_begin(&h, "body");
    bit_html_begin(&h, "main");
    if (!is_alone(page))
        put_together(&h, page);
    for (size_t i = 0; i < page->count; i++)
        put_run(&h, page, &page->run[i]);
    bit_html_end(&h, "main");
    put_foot(&h, page);
    bit_html_end(&h, "body");
    bit_html_end(&h, "html");
    return bit_html_finish(&h);
}
