/* What the fields of a grid do, for people, for documents, for programs. */
#ifndef BIT_CTL_BRANCH_EFFECTS_PRINT_H
#define BIT_CTL_BRANCH_EFFECTS_PRINT_H

#include <stdio.h>

#include "proto/bit.pb-c.h"

/** A line of `width` characters, 0 for any, for each effect, and what it all means. */
int bit_branch_effects_print(FILE *f, const Bit__Table *table, int width);
/** The same in Markdown. */
void bit_branch_effects_markdown(FILE *f, const Bit__Table *table);
/** As RFC 4180 has it, with names; a number that cannot be said is left empty. */
void bit_branch_effects_csv(FILE *f, const Bit__Table *table);

#endif
