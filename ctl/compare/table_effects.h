/* The effects of a table: what ctl/compare/effects finds, in words. */
#ifndef BIT_CTL_TABLE_EFFECTS_H
#define BIT_CTL_TABLE_EFFECTS_H

#include "ctl/compare/branch_measures.h"

/** Fill table->effect by this measure. -ENOMEM. */
int bit_table_effects_make(const struct bit_branches *b, const struct bit_branch_measure *m, Bit__Table *table);

#endif
