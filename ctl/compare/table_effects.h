/* Adds the effects that ctl/compare/effects finds to a table, with their texts. */
#ifndef BIT_CTL_TABLE_EFFECTS_H
#define BIT_CTL_TABLE_EFFECTS_H

#include "ctl/compare/branch_measures.h"

/** Fill table->effect for this measure. -ENOMEM. */
int bit_table_effects_make(const struct bit_branches *b, const struct bit_branch_measure *m, Bit__Table *table);

#endif
