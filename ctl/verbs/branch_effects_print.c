#include "ctl/verbs/branch_effects_print.h"

#include <math.h>
#include <string.h>

#include "ctl/show/csv_field.h"
#include "ctl/show/show.h"
#include "ctl/show/table.h"
#include "ctl/verbs/table_cells.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

enum { CELLS = 9 };

struct cells {
    char text[6][BIT_TABLE_CELL];
    const char *cell[CELLS];
};

static void write_cells(const Bit__TableEffect *e, struct cells *c)
{
    bit_format(c->text[0], BIT_TABLE_CELL, "%.4f", e->difference);
    bit_format(c->text[1], BIT_TABLE_CELL, "%u of %u", e->agree, e->matched);
    c->cell[0] = e->field;
    c->cell[1] = e->lower;
    c->cell[2] = e->higher;
    c->cell[3] = c->text[0];
    c->cell[4] = bit_table_cell_interval(e->has_low, e->low, e->high, c->text[2]);
    c->cell[5] = bit_table_cell_p(e->has_p, e->p, c->text[3]);
    c->cell[6] = bit_table_cell_p(e->has_p_holm, e->p_holm, c->text[4]);
    c->cell[7] = c->text[1];
    c->cell[8] = bit_table_cell_verdict(e->verdict, "lower");
}

/* Prints how the effects were tested. */
static void print_summary(FILE *f, const Bit__Table *t)
{
    double least = INFINITY, most = 0;
    size_t holds = 0;

    for (size_t i = 0; i < t->n_effect; i++) {
        holds += strcmp(t->effect[i]->verdict, "holds") == 0;
        if (t->effect[i]->has_freedom) {
            least = fmin(least, t->effect[i]->freedom);
            most = fmax(most, t->effect[i]->freedom);
        }
    }
    bit_show(f, "Of %zu effect%s on %s: %zu at p < 0.05 after Holm.\n", t->n_effect, bit_format_s(t->n_effect), t->by,
             holds);
    bit_show(f, "Differences are averaged over branches that are alike in everything else, for\n"
                "each seed. PAIRS: of pairs of branches times seeds, how many go this way.\n");
    if (isfinite(least))
        bit_show(f, "Student's paired t over seeds with %s%.0f degree%s of freedom.\n", most > least ? "at least " : "",
                 least, bit_format_s(least != 1 ? 2 : 1));
}

int bit_branch_effects_print(FILE *f, const Bit__Table *t, int width)
{
    static const struct bit_table_column column[CELLS] = {
        {"FIELD", false, 0, 9},     {"LOWER", false, 0, 8},       {"HIGHER", false, 0, 8},
        {"DIFFERENCE", true, 0, 0}, {"95% INTERVAL", true, 2, 0}, {"P", true, 3, 0},
        {"P, HOLM", true, 0, 0},    {"PAIRS", true, 1, 0},        {"VERDICT", false, 0, 0},
    };
    struct bit_table table;
    struct cells c;

    bit_table_init(&table, column, CELLS);
    for (size_t i = 0; i < t->n_effect; i++) {
        write_cells(t->effect[i], &c);
        bit_table_add(&table, c.cell);
    }
    bit_table_print(f, &table, width, SIZE_MAX);
    int err = table.err;
    bit_table_finish(&table);
    if (err < 0)
        return bit_fail(err, "a table");
    bit_show(f, "\n");
    print_summary(f, t);
    return 0;
}

void bit_branch_effects_markdown(FILE *f, const Bit__Table *t)
{
    struct cells c;

    bit_show(f, "| field | lower %s | higher | difference | 95%% interval | p | p, Holm | pairs | verdict |\n", t->by);
    bit_table_cell_rule(f, 3, CELLS - 3);
    for (size_t i = 0; i < t->n_effect; i++) {
        write_cells(t->effect[i], &c);
        bit_show(f, "|");
        for (size_t k = 0; k < CELLS; k++)
            bit_table_cell_markdown(f, c.cell[k]);
        bit_show(f, "\n");
    }
    bit_show(f, "\n");
    print_summary(f, t);
}

void bit_branch_effects_csv(FILE *f, const Bit__Table *t)
{
    bit_show(f, "measure,field,lower,higher,single,pairs,seeds,matched,agree,difference,low,high,t,freedom,p,p_holm,"
                "verdict\r\n");
    for (size_t i = 0; i < t->n_effect; i++) {
        const Bit__TableEffect *e = t->effect[i];
        const char *const texts[] = {t->by, e->field, e->lower, e->higher, e->single != NULL ? e->single : ""};
        for (size_t k = 0; k < BIT_COUNT(texts); k++) {
            bit_show(f, "%s", k > 0 ? "," : "");
            bit_csv_field(f, texts[k]);
        }
        bit_show(f, ",%u,%u,%u,%u", e->pairs, e->seeds, e->matched, e->agree);
        bit_table_cell_csv(f, true, e->difference);
        bit_table_cell_csv(f, e->has_low, e->low);
        bit_table_cell_csv(f, e->has_high, e->high);
        bit_table_cell_csv(f, e->has_t, e->t);
        bit_table_cell_csv(f, e->has_freedom, e->freedom);
        bit_table_cell_csv(f, e->has_p, e->p);
        bit_table_cell_csv(f, e->has_p_holm, e->p_holm);
        bit_show(f, ",%s\r\n", e->verdict);
    }
}
