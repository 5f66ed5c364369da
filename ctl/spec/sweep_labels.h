/* What a sweep's branches are called: what each has otherwise than the others, in few words. Pure. */
#ifndef BIT_CTL_SWEEP_LABELS_H
#define BIT_CTL_SWEEP_LABELS_H

#include "ctl/spec/sweep_expand.h"

/**
 * Give each branch without a label one: "at_step=2000 optimizer=KEEP seed=2". Keys are as short as tells them apart;
 * what all branches have alike is left out, and of paths all but the last name. No two are alike afterwards: one that
 * would be the same ends in its number.
 * Errors      -ENOMEM
 */
int bit_sweep_labels_make(struct bit_sweep_branches *b);

#endif
