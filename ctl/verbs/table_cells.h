/* Cells of tables of branches: numbers as text, Markdown and CSV. */
#ifndef BIT_CTL_TABLE_CELLS_H
#define BIT_CTL_TABLE_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define BIT_TABLE_CELL 96

const char *bit_table_cell_p(bool known, double p, char out[BIT_TABLE_CELL]);
const char *bit_table_cell_interval(bool known, double low, double high, char out[BIT_TABLE_CELL]);
/** The text of a verdict of bit.proto ("holds", "noise", "untested"); `holds` is the text for "holds". */
const char *bit_table_cell_verdict(const char *verdict, const char *holds);
/** Markdown: a cell with the bar after it; bars in the text are escaped. */
void bit_table_cell_markdown(FILE *f, const char *text);
/** Markdown: the rule below the column names; the last `right` columns are aligned right. */
void bit_table_cell_rule(FILE *f, size_t left, size_t right);
/** CSV: a comma and the number, or the comma alone. */
void bit_table_cell_csv(FILE *f, bool known, double value);

#endif
