/* Numbers of a table of branches as text, and cells of documents. */
#ifndef BIT_CTL_TABLE_CELLS_H
#define BIT_CTL_TABLE_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define BIT_TABLE_CELL 96

const char *bit_table_cell_p(bool known, double p, char out[BIT_TABLE_CELL]);
const char *bit_table_cell_interval(bool known, double low, double high, char out[BIT_TABLE_CELL]);
/** Of bit.proto's "holds", "noise", "untested": `holds` is the word for the first. */
const char *bit_table_cell_verdict(const char *verdict, const char *holds);
/** Markdown: one cell behind its row's first bar; what would end it is escaped. */
void bit_table_cell_markdown(FILE *f, const char *text);
/** Markdown: what stands below the names of columns, of which the last `right` are numbers. */
void bit_table_cell_rule(FILE *f, size_t left, size_t right);
/** CSV: a comma and the number, or nothing behind it. */
void bit_table_cell_csv(FILE *f, bool known, double value);

#endif
