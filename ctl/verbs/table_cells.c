#include "ctl/verbs/table_cells.h"

#include <math.h>
#include <string.h>

#include "ctl/show/show.h"
#include "proto/format.h"

const char *bit_table_cell_p(bool known, double p, char out[BIT_TABLE_CELL])
{
    bit_format(out, BIT_TABLE_CELL, !known ? "-" : p < 0.0001 ? "<0.0001" : "%.4f", p);
    return out;
}

const char *bit_table_cell_interval(bool known, double low, double high, char out[BIT_TABLE_CELL])
{
    if (known)
        bit_format(out, BIT_TABLE_CELL, "%.4f to %.4f", low, high);
    else
        bit_format(out, BIT_TABLE_CELL, "-");
    return out;
}

const char *bit_table_cell_verdict(const char *verdict, const char *holds)
{
    return strcmp(verdict, "noise") == 0 ? "within noise" : strcmp(verdict, "holds") == 0 ? holds : verdict;
}

void bit_table_cell_markdown(FILE *f, const char *text)
{
    bit_show(f, " ");
    for (; *text != '\0'; text++) {
        size_t plain = strcspn(text, "|");
        bit_show(f, "%.*s", (int)plain, text);
        text += plain;
        if (*text == '\0')
            break;
        bit_show(f, "\\|");
    }
    bit_show(f, " |");
}

void bit_table_cell_rule(FILE *f, size_t left, size_t right)
{
    bit_show(f, "|");
    for (size_t i = 0; i < left + right; i++)
        bit_show(f, "%s", i < left ? "---|" : "--:|");
    bit_show(f, "\n");
}

void bit_table_cell_csv(FILE *f, bool known, double value)
{
    if (known && isfinite(value))
        bit_show(f, ",%.17g", value);
    else
        bit_show(f, ",");
}
