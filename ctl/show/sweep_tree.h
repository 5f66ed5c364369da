/* A sweep as a tree: each branch below the one that it goes on from. */
#ifndef BIT_CTL_SWEEP_TREE_H
#define BIT_CTL_SWEEP_TREE_H

#include <stdbool.h>
#include <stdio.h>

#include "proto/bit.pb-c.h"

/* What can be shown. */
struct bit_sweep_look {
    int columns; /* of a line at most; 0: any */
    int rows;    /* of all; 0: any. The rest is counted in the last one */
    bool utf8, colour;
};

/**
 * A line a branch: label, after which step it begins, how many steps are its own. Where any of them has a run, also
 * the run, its state and how far it is. Branches of the same parent stand in the order of the sweep.
 */
void bit_sweep_tree_print(FILE *f, const Bit__SweepReply *s, const struct bit_sweep_look *look);
/** "14 runs, 9,800 steps alone, 6,440 planned: 34 % saved", and a newline. */
void bit_sweep_saving_print(FILE *f, const Bit__SweepReply *s);
/** "s1 figure2: training, 3 of 14 runs completed, 2 failed; 4,120 of 6,440 steps", and a newline. */
void bit_sweep_line_print(FILE *f, const Bit__SweepReply *s);

#endif
