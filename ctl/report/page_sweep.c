#include "ctl/report/page_sweep.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ctl/show/print.h"
#include "proto/check.h"
#include "proto/format.h"

#define DEPTH_MAX 10 /* of the printed tree */

/* ---- labels */

/* The branch of a run, or NULL. */
static const Bit__SweepBranch *branch_of(const struct bit_page *page, size_t run)
{
    for (size_t i = 0; page->sweep != NULL && i < page->sweep->n_branch; i++) {
        const Bit__SweepBranch *b = page->sweep->branch[i];
        if (b->run != NULL && strcmp(b->run, page->run[run].status->run) == 0)
            return b;
    }
    return NULL;
}

/* The branch's label without the seed that the planner appended ("at_step=20 seed=2"); for other runs name and id. */
static void write_label(const struct bit_page *page, size_t run, char out[BIT_PAGE_SWEEP_LABEL])
{
    const Bit__SweepBranch *b = branch_of(page, run);
    const Bit__RunStatus *m = page->run[run].status;
    char seed[32];

    if (b == NULL) {
        bit_format(out, BIT_PAGE_SWEEP_LABEL, "%s (%s)", m->name, m->run);
        return;
    }
    bit_format(out, BIT_PAGE_SWEEP_LABEL, "%s", b->label);
    snprintf(seed, sizeof seed, "seed=%u", b->seed);
    const size_t bytes = strlen(out), end = strlen(seed);
    if (b->has_seed && bytes >= end && strcmp(out + bytes - end, seed) == 0)
        out[bytes - end - (bytes > end)] = '\0';
    if (out[0] == '\0')
        bit_format(out, BIT_PAGE_SWEEP_LABEL, "%s", page->sweep->name);
}

bool bit_page_sweep_label(const struct bit_page *page, size_t i, char out[BIT_PAGE_SWEEP_LABEL], unsigned *which)
{
    char other[BIT_PAGE_SWEEP_LABEL], before[BIT_PAGE_SWEEP_LABEL];
    bool known = false;

    write_label(page, i, out);
    *which = 0;
    for (size_t k = 0; k < i && !known; k++) {
        bool again = false;
        write_label(page, k, other);
        for (size_t j = 0; j < k && !again; j++) {
            write_label(page, j, before);
            again = strcmp(before, other) == 0;
        }
        known = strcmp(other, out) == 0;
        *which += !known && !again;
    }
    return known;
}

/* ---- the tree */

static bool is_child(const Bit__SweepReply *w, size_t i, size_t of)
{
    const Bit__SweepBranch *b = w->branch[i];

    return of == SIZE_MAX ? !b->has_parent : b->has_parent && b->parent == of;
}

static bool has_child(const Bit__SweepReply *w, size_t of)
{
    for (size_t i = 0; i < w->n_branch; i++)
        if (is_child(w, i, of))
            return true;
    return false;
}

/* Print a run's id, as a link if the page contains the run. */
static void tell_run(struct bit_page_section *s, const struct bit_page *page, const char *run)
{
    for (size_t i = 0; i < page->count; i++) {
        if (strcmp(page->run[i].status->run, run) != 0)
            continue;
        bit_html_begin(s->h, "a");
        bit_html_attribute(s->h, "href", "#%s", run);
        bit_html_text(s->h, "%s", run);
        bit_html_end(s->h, "a");
        return;
    }
    bit_html_text(s->h, "%s", run);
}

static void tell_branch(struct bit_page_section *s, const struct bit_page *page, const Bit__SweepBranch *b)
{
    bit_html_element(s->h, "b", "%s", b->label[0] != '\0' ? b->label : b->name);
    bit_html_text(s->h, " ");
    if (b->run != NULL)
        tell_run(s, page, b->run);
    bit_html_text(s->h, ": %s", bit_text_state(b->state));
    if (b->has_parent)
        bit_html_text(s->h, ", its own from step %" PRIu64 " to %" PRIu64, b->from_step + 1, b->steps);
    else
        bit_html_text(s->h, ", all %" PRIu64 " steps its own", b->steps);
    if (b->step < b->steps)
        bit_html_text(s->h, ", now at step %" PRIu64, b->step);
    if (b->reason != NULL && b->reason[0] != '\0' && b->state != BIT__RUN_STATE__COMPLETED)
        bit_html_text(s->h, ": %s", b->reason);
}

static void tell_children(struct bit_page_section *s, const struct bit_page *page, size_t of, int depth)
{
    const Bit__SweepReply *w = page->sweep;

    if (!has_child(w, of))
        return;
    if (depth == DEPTH_MAX) {
        bit_html_text(s->h, ", with branches of its own");
        return;
    }
    bit_html_begin(s->h, "ul");
    if (of == SIZE_MAX)
        bit_html_attribute(s->h, "class", "tree");
    for (size_t i = 0; i < w->n_branch; i++) {
        if (!is_child(w, i, of))
            continue;
        bit_html_begin(s->h, "li");
        tell_branch(s, page, w->branch[i]);
        tell_children(s, page, i, depth + 1);
        bit_html_end(s->h, "li");
    }
    bit_html_end(s->h, "ul");
}

static void put_tree(struct bit_page_section *s, const struct bit_page *page)
{
    const Bit__SweepReply *w = page->sweep;
    const uint64_t saved = w->steps_alone - BIT_MIN(w->steps_alone, w->steps_planned);

    bit_section_begin(s, "tree", "The tree");
    bit_section_paragraph(s,
                          "%zu run%s, %" PRIu64 " of %" PRIu64
                          " steps done. Trained separately they would take %" PRIu64
                          " steps; shared steps are trained once, which saves %.0f%%.",
                          w->n_branch, bit_format_s(w->n_branch), w->steps_done, w->steps_planned, w->steps_alone,
                          w->steps_alone > 0 ? 100 * (double)saved / (double)w->steps_alone : 0);
    for (size_t i = 0; i < w->n_note; i++)
        bit_section_paragraph(s, "%s", w->note[i]);
    tell_children(s, page, SIZE_MAX, 0);
    bit_section_end(s);
}

/* ---- branches over their seeds */

/* For mean and deviation of the runs of one branch. */
struct tally {
    double sum, squares;
    unsigned count;
};

static void add(struct tally *t, const Bit__RunStatus *m, Bit__Precision precision)
{
    for (size_t i = 0; i < m->n_held_out; i++) {
        const Bit__EvaluateReport *e = m->held_out[i];
        if (e->precision != precision || e->has_part)
            continue;
        t->sum += e->loss;
        t->squares += e->loss * e->loss;
        t->count++;
        return;
    }
}

static void tally_cell(struct bit_page_section *s, const struct tally *t)
{
    const double n = (double)t->count, mean = t->sum / n;

    if (t->count == 0)
        bit_section_cell(s, "-");
    else if (t->count == 1)
        bit_section_cell(s, "%.4f", mean);
    else
        bit_section_cell(s, "%.4f \u00b1 %.4f", mean, sqrt(fmax(0, (t->squares - n * mean * mean) / (n - 1))));
}

static void tell_tally(struct bit_page_section *s, const struct bit_page *page, const char *label)
{
    struct tally of[2] = {{0}};
    char other[BIT_PAGE_SWEEP_LABEL];
    unsigned runs = 0, completed = 0;

    for (size_t i = 0; i < page->count; i++) {
        const Bit__RunStatus *m = page->run[i].status;
        write_label(page, i, other);
        if (strcmp(other, label) != 0)
            continue;
        runs++;
        completed += m->state == BIT__RUN_STATE__COMPLETED;
        add(&of[0], m, BIT__PRECISION__SIXTEEN_BIT);
        add(&of[1], m, BIT__PRECISION__TERNARY);
    }
    bit_section_row_begin(s, false);
    bit_section_cell(s, "%s", label);
    bit_section_cell(s, "%u", runs);
    bit_section_cell(s, "%u", completed);
    tally_cell(s, &of[0]);
    tally_cell(s, &of[1]);
    bit_section_row_end(s);
}

static void put_branches(struct bit_page_section *s, const struct bit_page *page)
{
    static const char *const columns[] = {"Branch", "Runs", "Completed", "Held out, 16-bit", "Held out, 1.58-bit",
                                          NULL};
    char label[BIT_PAGE_SWEEP_LABEL];
    unsigned which;

    bit_section_begin(s, "branches", "Branches");
    bit_section_paragraph(s,
                          "The newest loss of the first held-out set, as mean \u00b1 standard deviation over the runs "
                          "of a branch, which differ in their seeds alone.");
    bit_section_table_begin(s, "Branches over their seeds", columns, "lnnnn");
    for (size_t i = 0; i < page->count; i++)
        if (!bit_page_sweep_label(page, i, label, &which))
            tell_tally(s, page, label);
    bit_section_table_end(s);
    bit_section_end(s);
}

/* ---- the whole */

void bit_page_sweep_print_events(struct bit_page_section *s, const Bit__SweepReply *w)
{
    static const char *const columns[] = {"Time, UTC", "What happened", NULL};

    if (w->n_event == 0)
        return;
    bit_section_begin(s, "sweep-events", "Events of the sweep");
    bit_section_table_begin(s, "Events of the sweep", columns, "ls");
    for (size_t i = 0; i < w->n_event; i++) {
        bit_section_row_begin(s, false);
        bit_section_time_cell(s, w->event[i]->time_ns);
        bit_section_cell(s, "%s", w->event[i]->text);
        bit_section_row_end(s);
    }
    bit_section_table_end(s);
    bit_section_end(s);
}

void bit_page_sweep_print(struct bit_page_section *s, const struct bit_page *page)
{
    put_tree(s, page);
    if (page->count > 1)
        put_branches(s, page);
}
