/* Prints the table of branches for people, as Markdown and as CSV. */
#ifndef BIT_CTL_BRANCH_TABLE_PRINT_H
#define BIT_CTL_BRANCH_TABLE_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "proto/bit.pb-c.h"

/**
 * For people: the branches in lines of `width` characters, 0 for any, then their order, then the effects of what
 * varies. pairs: the order of every pair of branches, not only of each with the next one.
 */
int bit_branch_table_print(FILE *f, const Bit__Table *table, int width, bool pairs);
/** The same in Markdown. */
void bit_branch_table_markdown(FILE *f, const Bit__Table *table);
/** RFC 4180: branch,measure,unit,runs,mean,deviation and a column for each run. */
void bit_branch_table_csv(FILE *f, const Bit__Table *table);

#endif
