/* The section on held-out sets: losses in both precisions, the cost of the switch, and each part of 1.58 bits alone. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/report/run_sections.h"
#include "ctl/show/print.h"
#include "proto/err.h"

/* One set after one step; NULL: not evaluated in that precision. Everything is borrowed from the journal. */
struct row {
    uint64_t step;
    const char *set;
    const Bit__EvaluateReport *in[2]; /* 16-bit, ternary */
};

struct rows {
    struct row *row;
    size_t count, parts; /* parts: evaluations with one part only */
};

static void take(struct rows *r, const Bit__EvaluateReport *e)
{
    size_t i = r->count;

    while (i > 0 && (r->row[i - 1].step != e->after_step || strcmp(r->row[i - 1].set, e->set) != 0))
        i--;
    if (i == 0) {
        r->row[r->count] = (struct row){.step = e->after_step, .set = e->set};
        i = ++r->count;
    }
    r->row[i - 1].in[e->precision == BIT__PRECISION__TERNARY] = e;
}

/* An evaluation that was repeated after a restart counts once. */
static int collect(const struct bit_run_past *p, struct rows *out)
{
    const Bit__JournalRecord *record;

    *out = (struct rows){.row = calloc(p->count + 1, sizeof *out->row)};
    if (out->row == NULL)
        return bit_fail(-ENOMEM, "evaluations");
    for (size_t at = 0; (record = bit_run_past_next(p, BIT__JOURNAL_RECORD__WHAT_EVALUATED, &at)) != NULL;)
        if (record->evaluated->has_part)
            out->parts++;
        else
            take(out, record->evaluated);
    return 0;
}

static void cell(struct bit_page_section *s, double value, const char *absent)
{
    if (isfinite(value))
        bit_section_cell(s, "%.4f", value);
    else
        bit_section_cell(s, "%s", absent);
}

static void more_cell(struct bit_page_section *s, double a, double b)
{
    if (isfinite(a) && isfinite(b))
        bit_section_cell(s, "%+.4f", b - a);
    else
        bit_section_cell(s, "-");
}

static double loss_of(const Bit__EvaluateReport *e)
{
    return e != NULL ? e->loss : NAN;
}

/* ---- what the switch cost */

/* The newest evaluation of the set up to the switch that has a 16-bit loss. */
static const struct row *at_switch(const struct rows *r, const char *set, uint64_t step)
{
    const struct row *found = NULL;

    for (size_t i = 0; i < r->count; i++)
        if (r->row[i].step <= step && strcmp(r->row[i].set, set) == 0 && r->row[i].in[0] != NULL &&
            (found == NULL || r->row[i].step >= found->step))
            found = &r->row[i];
    return found;
}

static const struct row *newest(const struct rows *r, const char *set)
{
    const struct row *found = NULL;

    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->row[i].set, set) == 0 && (found == NULL || r->row[i].step >= found->step))
            found = &r->row[i];
    return found;
}

static bool is_first_of_set(const struct rows *r, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(r->row[k].set, r->row[i].set) == 0)
            return false;
    return true;
}

static void tell_switch(struct bit_page_section *s, const struct rows *r)
{
    static const char *const columns[] = {"Set",        "After step", "16-bit",           "Switched", "More",
                                          "After step", "1.58-bit",   "More than 16-bit", NULL};
    const Bit__RunStatus *m = s->run->status;

    if (!m->has_switch_after || !m->switched || m->switch_after == 0)
        return;
    bit_section_paragraph(s,
                          "At the switch after step %" PRIu64 ": the loss in 16-bit, the loss of the same weights as "
                          "1.58-bit before anything was trained there, and the newest loss in 1.58-bit beside it.",
                          m->switch_after);
    bit_section_table_begin(s, "What the switch cost", columns, "lnnnnnnn");
    for (size_t i = 0; i < r->count; i++) {
        const struct row *before = is_first_of_set(r, i) ? at_switch(r, r->row[i].set, m->switch_after) : NULL;
        const struct row *after = newest(r, r->row[i].set);
        if (before == NULL)
            continue;
        const double was = loss_of(before->in[0]), is = after->step > before->step ? loss_of(after->in[1]) : NAN;
        bit_section_row_begin(s, false);
        bit_section_cell(s, "%s", before->set);
        bit_section_cell(s, "%" PRIu64, before->step);
        cell(s, was, "-");
        cell(s, loss_of(before->in[1]), "-");
        more_cell(s, was, loss_of(before->in[1]));
        bit_section_cell(s, "%" PRIu64, after->step);
        cell(s, is, "-");
        more_cell(s, was, is);
        bit_section_row_end(s);
    }
    bit_section_table_end(s);
}

/* ---- all of them */

static void tell_all(struct bit_page_section *s, const struct rows *r)
{
    static const char *const columns[] = {"After step", "Set",         "16-bit",  "1.58-bit", "More",
                                          "Perplexity", "Bits a byte", "Targets", NULL};

    bit_section_table_begin(s, "Evaluations of held-out sets", columns, "nlnnnnnn");
    for (size_t i = 0; i < r->count; i++) {
        const struct row *row = &r->row[i];
        const Bit__EvaluateReport *e = row->in[1] != NULL && row->in[0] == NULL ? row->in[1] : row->in[0];
        if (!bit_section_row_fits(s, i, r->count))
            continue;
        bit_section_row_begin(s, false);
        bit_section_cell(s, "%" PRIu64, row->step);
        bit_section_cell(s, "%s", row->set);
        cell(s, loss_of(row->in[0]), row->in[0] != NULL ? "not finite" : "-");
        cell(s, loss_of(row->in[1]), row->in[1] != NULL ? "not finite" : "-");
        more_cell(s, loss_of(row->in[0]), loss_of(row->in[1]));
        bit_section_cell(s, "%.2f", exp(e->loss));
        if (e->has_bytes_per_token && e->bytes_per_token > 0)
            bit_section_cell(s, "%.3f", e->loss / log(2) / e->bytes_per_token);
        else
            bit_section_cell(s, "-");
        bit_section_cell(s, "%" PRIu64, e->targets);
        bit_section_row_end(s);
    }
    bit_section_table_end(s);
}

/* ---- each part alone */

static double in_16bit(const struct bit_run_past *p, const Bit__EvaluateReport *of)
{
    const Bit__JournalRecord *record;
    double loss = NAN;

    for (size_t at = 0; (record = bit_run_past_next(p, BIT__JOURNAL_RECORD__WHAT_EVALUATED, &at)) != NULL;) {
        const Bit__EvaluateReport *e = record->evaluated;
        if (e->precision == BIT__PRECISION__SIXTEEN_BIT && e->after_step == of->after_step &&
            strcmp(e->set, of->set) == 0)
            loss = e->loss;
    }
    return loss;
}

static void tell_parts(struct bit_page_section *s)
{
    static const char *const columns[] = {"Set", "Ternary alone", "Loss", "More than 16-bit", NULL};
    const Bit__JournalRecord *record;

    bit_section_paragraph(s, "Each part of the 1.58-bit phase alone, everything else as in 16-bit:");
    bit_section_table_begin(s, "What each part of 1.58 bits costs", columns, "llnn");
    for (size_t at = 0; (record = bit_run_past_next(s->run, BIT__JOURNAL_RECORD__WHAT_EVALUATED, &at)) != NULL;) {
        const Bit__EvaluateReport *e = record->evaluated;
        if (!e->has_part)
            continue;
        bit_section_row_begin(s, false);
        bit_section_cell(s, "%s", e->set);
        bit_section_cell(s, "%s", bit_text_evaluated(e));
        cell(s, e->loss, "not finite");
        more_cell(s, in_16bit(s->run, e), e->loss);
        bit_section_row_end(s);
    }
    bit_section_table_end(s);
}

void bit_section_evaluations(struct bit_page_section *s)
{
    struct rows r;

    if (collect(s->run, &r) < 0) {
        s->h->err = -ENOMEM;
        return;
    }
    if (r.count > 0) {
        bit_section_begin(s, "evaluations", "Held-out sets");
        tell_switch(s, &r);
        tell_all(s, &r);
        if (r.parts > 0)
            tell_parts(s);
        bit_section_end(s);
    }
    free(r.row);
}
