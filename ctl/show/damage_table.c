#include "ctl/show/damage_table.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "ctl/show/print.h"
#include "ctl/show/table.h"
#include "proto/check.h"

/* NAN: not evaluated. */
static double in_16bit(Bit__EvaluateReport *const *report, size_t count, const char *set)
{
    for (size_t i = 0; i < count; i++)
        if (report[i]->precision == BIT__PRECISION__SIXTEEN_BIT && strcmp(report[i]->set, set) == 0)
            return report[i]->loss;
    return NAN;
}

static void add_row(struct bit_table *t, const Bit__EvaluateReport *e, double base)
{
    char loss[32], more[32] = "-", perplexity[32];

    snprintf(loss, sizeof loss, "%.4f", e->loss);
    snprintf(perplexity, sizeof perplexity, "%.2f", exp(e->loss));
    if (isfinite(base) && e->precision == BIT__PRECISION__TERNARY)
        snprintf(more, sizeof more, "%+.4f", e->loss - base);
    const char *const cells[] = {e->set, bit_text_evaluated(e), loss, more, perplexity};
    bit_table_add(t, cells);
}

void bit_damage_table_print(FILE *f, Bit__EvaluateReport *const *report, size_t count, int width)
{
    static const struct bit_table_column columns[] = {{"SET", .narrowed = 12},
                                                      {"TERNARY"},
                                                      {"LOSS", .right = true},
                                                      {"MORE", .right = true},
                                                      {"PERPLEXITY", .right = true, .leave = 1}};
    struct bit_table t;

    bit_table_init(&t, columns, BIT_COUNT(columns));
    for (size_t i = 0; i < count; i++)
        add_row(&t, report[i], in_16bit(report, count, report[i]->set));
    bit_table_print(f, &t, width, SIZE_MAX);
    bit_table_finish(&t);
}
