#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ctl/chart/chart_text.h"
#include "ctl/show/csv_field.h"
#include "ctl/show/show.h"
#include "ctl/show/table.h"
#include "ctl/verbs/branch_effects_print.h"
#include "ctl/verbs/branch_table_print.h"
#include "ctl/verbs/table_cells.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

#define CELL BIT_TABLE_CELL

/* ---- one number */

static const char *format_number(const char *unit, double value, char out[CELL])
{
    if (strcmp(unit, "steps") == 0)
        bit_format(out, CELL, "%.0f", value);
    else if (strcmp(unit, "share") == 0)
        bit_format(out, CELL, "%.2f%%", 100 * value);
    else
        bit_format(out, CELL, "%.4f", value);
    return out;
}

/* "3.1234 +-0.0021"; for a recovery that not all runs reached, how many did. */
static const char *format_measure(const Bit__TableMeasure *m, const char *plus_minus, char out[CELL])
{
    char mean[CELL], deviation[CELL];

    if (m->runs == 0)
        bit_format(out, CELL, "-");
    else if (!m->has_mean)
        bit_format(out, CELL, m->runs == 1 ? "never" : "%u of %u", m->count, m->runs);
    else if (!m->has_deviation)
        format_number(m->unit, m->mean, out);
    else
        bit_format(out, CELL, "%s %s%s", format_number(m->unit, m->mean, mean), plus_minus,
                   format_number(m->unit, m->deviation, deviation));
    return out;
}

/* ---- branches */

static size_t index_of_by(const Bit__Table *t)
{
    size_t i = 0;

    while (t->n_branch > 0 && i + 1 < t->branch[0]->n_measure && strcmp(t->branch[0]->measure[i]->name, t->by) != 0)
        i++;
    return i;
}

static void upper(const char *text, char out[CELL])
{
    size_t i = 0;

    for (; text[i] != '\0' && i < CELL - 1; i++)
        out[i] = (char)toupper((unsigned char)text[i]);
    out[i] = '\0';
}

/* The measure that orders the branches, then as many others as a table has columns for. */
static size_t choose_measures(const Bit__Table *t, size_t chosen[BIT_TABLE_COLUMNS_MAX])
{
    size_t n = 0;

    chosen[n++] = index_of_by(t);
    for (size_t i = 0; i < t->branch[0]->n_measure && n < BIT_TABLE_COLUMNS_MAX - 2; i++)
        if (i != chosen[0])
            chosen[n++] = i;
    return n;
}

static int print_branches(FILE *f, const Bit__Table *t, int width, const char *plus_minus)
{
    struct bit_table_column column[BIT_TABLE_COLUMNS_MAX] = {{"BRANCH", false, 0, 24}, {"RUNS", true, 1, 0}};
    char name[BIT_TABLE_COLUMNS_MAX][CELL], cell[BIT_TABLE_COLUMNS_MAX][CELL];
    const char *cells[BIT_TABLE_COLUMNS_MAX];
    size_t chosen[BIT_TABLE_COLUMNS_MAX];
    struct bit_table table;
    const size_t n = choose_measures(t, chosen);

    for (size_t i = 0; i < n; i++) {
        upper(t->branch[0]->measure[chosen[i]]->name, name[i]);
        column[2 + i] = (struct bit_table_column){name[i], true, i == 0 ? 0 : (int)i + 1, 0};
    }
    bit_table_init(&table, column, n + 2);
    for (size_t b = 0; b < t->n_branch; b++) {
        cells[0] = t->branch[b]->branch;
        bit_format(cell[1], CELL, "%zu", t->branch[b]->n_run);
        cells[1] = cell[1];
        for (size_t i = 0; i < n; i++)
            cells[2 + i] = format_measure(t->branch[b]->measure[chosen[i]], plus_minus, cell[2 + i]);
        bit_table_add(&table, cells);
    }
    bit_table_print(f, &table, width, SIZE_MAX);
    int err = table.err;
    bit_table_finish(&table);
    return err < 0 ? bit_fail(err, "a table") : 0;
}

/* ---- the order */

static const Bit__TableOrder *find_order(const Bit__Table *t, const char *one, const char *other)
{
    for (size_t i = 0; i < t->n_order; i++) {
        const Bit__TableOrder *o = t->order[i];
        if ((strcmp(o->lower, one) == 0 && strcmp(o->higher, other) == 0) ||
            (strcmp(o->lower, other) == 0 && strcmp(o->higher, one) == 0))
            return o;
    }
    return NULL;
}

static void add_order(struct bit_table *table, const Bit__TableOrder *o)
{
    char difference[CELL], interval[CELL], p[CELL], holm[CELL];

    bit_format(difference, CELL, "%.4f", o->difference);
    const char *cells[] = {o->lower,
                           o->higher,
                           difference,
                           bit_table_cell_interval(o->has_low, o->low, o->high, interval),
                           bit_table_cell_p(o->has_p, o->p, p),
                           bit_table_cell_p(o->has_p_holm, o->p_holm, holm),
                           bit_table_cell_verdict(o->verdict, "holds")};
    bit_table_add(table, cells);
}

static int print_order(FILE *f, const Bit__Table *t, int width, bool pairs)
{
    static const struct bit_table_column column[] = {
        {"LOWER", false, 0, 16}, {"HIGHER", false, 0, 16}, {"DIFFERENCE", true, 0, 0}, {"95% INTERVAL", true, 2, 0},
        {"P", true, 3, 0},       {"P, HOLM", true, 1, 0},  {"ORDER", false, 0, 0},
    };
    struct bit_table table;

    bit_table_init(&table, column, BIT_COUNT(column));
    for (size_t i = 0; pairs && i < t->n_order; i++)
        add_order(&table, t->order[i]);
    for (size_t i = 1; !pairs && i < t->n_branch; i++) {
        const Bit__TableOrder *o = find_order(t, t->branch[i - 1]->branch, t->branch[i]->branch);
        if (o != NULL)
            add_order(&table, o);
    }
    bit_table_print(f, &table, width, SIZE_MAX);
    int err = table.err;
    bit_table_finish(&table);
    return err < 0 ? bit_fail(err, "a table") : 0;
}

static size_t count_verdict(const Bit__Table *t, const char *verdict)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n_order; i++)
        n += strcmp(t->order[i]->verdict, verdict) == 0;
    return n;
}

/* Prints how the order was tested, and the result. */
static void print_summary(FILE *f, const Bit__Table *t)
{
    const size_t holds = count_verdict(t, "holds"), noise = count_verdict(t, "noise"),
                 untested = count_verdict(t, "untested");
    double least = INFINITY, most = 0;

    if (t->n_order == 0)
        return;
    for (size_t i = 0; i < t->n_order; i++)
        if (t->order[i]->has_freedom) {
            least = fmin(least, t->order[i]->freedom);
            most = fmax(most, t->order[i]->freedom);
        }
    bit_show(f, "Of %zu pair%s by %s: %zu at p < 0.05 after Holm, %zu within noise", t->n_order,
             bit_format_s(t->n_order), t->by, holds, noise);
    if (untested > 0)
        bit_show(f, ", %zu untested: an order needs two runs of each branch, of the same seeds if they can be had",
                 untested);
    if (isfinite(least))
        bit_show(f, ".\nStudent's t with %s%.3g degree%s of freedom", most > least ? "at least " : "", least,
                 bit_format_s(least != 1 ? 2 : 1));
    bit_show(f, ".\n");
}

int bit_branch_table_print(FILE *f, const Bit__Table *table, int width, bool pairs)
{
    const bool utf8 = bit_chart_look_of(f).utf8;
    int err = print_branches(f, table, width, utf8 ? "\xc2\xb1" : "+-");

    if (err < 0 || table->n_order == 0)
        return err;
    bit_show(f, "\n");
    err = print_order(f, table, width, pairs);
    if (err < 0)
        return err;
    bit_show(f, "\n");
    print_summary(f, table);
    if (table->n_effect == 0)
        return 0;
    bit_show(f, "\n");
    return bit_branch_effects_print(f, table, width);
}

/* ---- Markdown */

static void markdown_branches(FILE *f, const Bit__Table *t)
{
    char cell[CELL];

    bit_show(f, "| branch | runs |");
    for (size_t i = 0; i < t->branch[0]->n_measure; i++)
        bit_table_cell_markdown(f, t->branch[0]->measure[i]->name);
    bit_show(f, "\n");
    bit_table_cell_rule(f, 1, 1 + t->branch[0]->n_measure);
    for (size_t b = 0; b < t->n_branch; b++) {
        bit_show(f, "|");
        bit_table_cell_markdown(f, t->branch[b]->branch);
        bit_show(f, " %zu |", t->branch[b]->n_run);
        for (size_t i = 0; i < t->branch[b]->n_measure; i++)
            bit_table_cell_markdown(f, format_measure(t->branch[b]->measure[i], "\xc2\xb1", cell));
        bit_show(f, "\n");
    }
}

static void markdown_order(FILE *f, const Bit__Table *t)
{
    char cell[CELL];

    bit_show(f, "\n| lower %s | higher |", t->by);
    bit_show(f, " difference | 95%% interval | p | p, Holm | order |\n");
    bit_table_cell_rule(f, 2, 5);
    for (size_t i = 0; i < t->n_order; i++) {
        const Bit__TableOrder *o = t->order[i];
        bit_show(f, "|");
        bit_table_cell_markdown(f, o->lower);
        bit_table_cell_markdown(f, o->higher);
        bit_show(f, " %.4f |", o->difference);
        bit_table_cell_markdown(f, bit_table_cell_interval(o->has_low, o->low, o->high, cell));
        bit_table_cell_markdown(f, bit_table_cell_p(o->has_p, o->p, cell));
        bit_table_cell_markdown(f, bit_table_cell_p(o->has_p_holm, o->p_holm, cell));
        bit_table_cell_markdown(f, bit_table_cell_verdict(o->verdict, "holds"));
        bit_show(f, "\n");
    }
}

void bit_branch_table_markdown(FILE *f, const Bit__Table *table)
{
    markdown_branches(f, table);
    if (table->n_order == 0)
        return;
    markdown_order(f, table);
    bit_show(f, "\n");
    print_summary(f, table);
    if (table->n_effect == 0)
        return;
    bit_show(f, "\n");
    bit_branch_effects_markdown(f, table);
}

/* ---- CSV */

void bit_branch_table_csv(FILE *f, const Bit__Table *table)
{
    size_t most = 0;

    for (size_t b = 0; b < table->n_branch; b++)
        most = BIT_MAX(most, table->branch[b]->n_run);
    bit_show(f, "branch,measure,unit,runs,mean,deviation");
    for (size_t i = 1; i <= most; i++)
        bit_show(f, ",run_%zu", i);
    bit_show(f, "\r\n");
    for (size_t b = 0; b < table->n_branch; b++)
        for (size_t m = 0; m < table->branch[b]->n_measure; m++) {
            const Bit__TableMeasure *measure = table->branch[b]->measure[m];
            bit_csv_field(f, table->branch[b]->branch);
            bit_show(f, ",");
            bit_csv_field(f, measure->name);
            bit_show(f, ",%s,%u", measure->unit, measure->count);
            bit_table_cell_csv(f, measure->has_mean, measure->mean);
            bit_table_cell_csv(f, measure->has_deviation, measure->deviation);
            for (size_t i = 0; i < most; i++)
                bit_table_cell_csv(f, i < measure->n_value && measure->value[i]->has_value,
                                   i < measure->n_value ? measure->value[i]->value : 0);
            bit_show(f, "\r\n");
        }
}
