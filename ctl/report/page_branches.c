#include "ctl/report/page_branches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/compare/branch_table.h"
#include "ctl/report/page_sweep.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

/* The same as in bitctl table. */
#define LAST   50
#define SMOOTH 10

/* ---- the runs */

static void take_assignments(const Bit__SweepReply *w, struct bit_branch_run *run)
{
    for (size_t i = 0; w != NULL && i < w->n_branch; i++)
        if (w->branch[i]->run != NULL && strcmp(w->branch[i]->run, run->curves.status->run) == 0) {
            run->of_sweep = true;
            run->set = w->branch[i]->set;
            run->n_set = w->branch[i]->n_set;
        }
}

int bit_page_branches_make(const struct bit_page *page, struct bit_branches *out)
{
    char label[BIT_PAGE_SWEEP_LABEL];
    unsigned which;

    *out = (struct bit_branches){.borrowed = true, .run = calloc(page->count + 1, sizeof *out->run)};
    if (out->run == NULL)
        return bit_fail(-ENOMEM, "branches");
    for (size_t i = 0; i < page->count; i++) {
        struct bit_branch_run *run = &out->run[out->count++];
        run->curves = page->run[i].curves;
        bit_page_sweep_label(page, i, label, &which);
        bit_format(run->given, sizeof run->given, "%s", label);
        take_assignments(page->sweep, run);
    }
    return bit_branches_part(out);
}

/* ---- effects */

static void tell_effect(struct bit_page_section *s, const Bit__TableEffect *e)
{
    bit_section_row_begin(s, false);
    bit_section_cell(s, "%s", e->field);
    bit_section_cell(s, "%s", e->lower);
    bit_section_cell(s, "%s", e->higher);
    bit_section_cell(s, "%.4f", e->difference);
    if (e->has_p) {
        bit_section_cell(s, "%.4f to %.4f", e->low, e->high);
        bit_section_cell(s, "%.4f", e->p);
        bit_section_cell(s, "%.4f", e->p_holm);
    }
    for (int i = 0; !e->has_p && i < 3; i++)
        bit_section_cell(s, "-");
    bit_section_cell(s, "%u of %u", e->agree, e->matched);
    bit_section_cell(s, "%s",
                     strcmp(e->verdict, "holds") == 0   ? "lower"
                     : strcmp(e->verdict, "noise") == 0 ? "within noise"
                                                        : e->verdict);
    bit_section_row_end(s);
}

static void tell_effects(struct bit_page_section *s, const Bit__Table *t)
{
    static const char *const columns[] = {"Field", "Lower",   "Higher", "Difference", "95% interval",
                                          "p",     "p, Holm", "Pairs",  "Verdict",    NULL};

    bit_section_begin(s, "effects", "What each field does");
    bit_section_paragraph(s,
                          "By %s: two values of a field, or a single branch and one value, over all pairs of branches "
                          "that are alike in everything else. Differences are averaged over these pairs for each seed; "
                          "the averages are tested (Student's paired t, seeds less 1 degrees of freedom), and p is "
                          "corrected for all effects after Holm. Pairs: of pairs of branches times seeds, how many go "
                          "this way.",
                          t->by);
    bit_section_table_begin(s, "Effects of the fields that vary", columns, "lllnnnnnt");
    for (size_t i = 0; i < t->n_effect; i++)
        tell_effect(s, t->effect[i]);
    bit_section_table_end(s);
    bit_section_end(s);
}

void bit_page_branches_print_effects(struct bit_page_section *s, const struct bit_branches *b)
{
    const struct bit_branch_measures_asked asked = {LAST, SMOOTH, SIZE_MAX};
    struct bit_branch_measures m;
    Bit__Table *table = NULL;
    int err = bit_branch_measures_make(b, &asked, &m);

    if (err == 0 && m.count > 0)
        err = bit_branch_table_make(b, &m, 0, &asked, &table);
    if (err < 0)
        s->h->err = err;
    else if (table != NULL && table->n_effect > 0)
        tell_effects(s, table);
    bit_msg_free(table);
    bit_branch_measures_finish(&m);
}
