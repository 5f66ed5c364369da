/* Prints the effects of a grid's fields for people, as Markdown and as CSV. */
#ifndef BIT_CTL_BRANCH_EFFECTS_PRINT_H
#define BIT_CTL_BRANCH_EFFECTS_PRINT_H

#include <stdio.h>

#include "proto/bit.pb-c.h"

/** A line for each effect, of `width` characters, 0 for any, and how to read them. */
int bit_branch_effects_print(FILE *f, const Bit__Table *table, int width);
/** The same in Markdown. */
void bit_branch_effects_markdown(FILE *f, const Bit__Table *table);
/** RFC 4180, with a header; a number that is unknown is left empty. */
void bit_branch_effects_csv(FILE *f, const Bit__Table *table);

#endif
