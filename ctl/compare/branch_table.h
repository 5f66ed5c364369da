/* Branches side by side: their measures over seeds, their order, and what of it is more than noise. Asks nobody. */
#ifndef BIT_CTL_BRANCH_TABLE_H
#define BIT_CTL_BRANCH_TABLE_H

#include "ctl/compare/branch_measures.h"

/**
 * The whole table, the best branch first by measure `by`, an index of m. Every pair of branches is compared: by
 * Student's paired t-test where at least two seeds are in both, which share the order of the data; by Welch's where
 * both have two runs; p is corrected after Holm for all pairs that could be tested. *out is bit_msg_free's. -ENOMEM.
 */
int bit_branch_table_make(const struct bit_branches *b, const struct bit_branch_measures *m, size_t by,
                          const struct bit_branch_measures_asked *asked, Bit__Table **out);

#endif
