/*
 * Makes a table of branches: their measures over seeds, their order, and which differences are more than noise. Sends
 * no requests.
 */
#ifndef BIT_CTL_BRANCH_TABLE_H
#define BIT_CTL_BRANCH_TABLE_H

#include "ctl/compare/branch_measures.h"

/**
 * Make the whole table, with the best branch first by measure `by`, an index in m. Every pair of branches is compared:
 * by Student's paired t-test if they share at least two seeds (runs with the same seed share the order of the data),
 * else by Welch's if both have two runs. p is corrected after Holm for all pairs that could be tested. *out is
 * bit_msg_free's. -ENOMEM.
 */
int bit_branch_table_make(const struct bit_branches *b, const struct bit_branch_measures *m, size_t by,
                          const struct bit_branch_measures_asked *asked, Bit__Table **out);

#endif
