/* Makes the labels of a sweep's branches: short texts of the fields in which each differs from the others. Pure. */
#ifndef BIT_CTL_SWEEP_LABELS_H
#define BIT_CTL_SWEEP_LABELS_H

#include "ctl/spec/sweep_expand.h"

/**
 * Give each branch without a label one: "at_step=2000 optimizer=KEEP seed=2". Keys are the shortest unique ends of
 * paths. What is the same in all branches is left out, and so are the folders of a path. If two labels would be the
 * same, the later one gets its number at the end.
 * Errors      -ENOMEM
 */
int bit_sweep_labels_make(struct bit_sweep_branches *b);

#endif
