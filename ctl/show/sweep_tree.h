/* Prints a sweep as a tree: each branch below the one that it begins from. */
#ifndef BIT_CTL_SWEEP_TREE_H
#define BIT_CTL_SWEEP_TREE_H

#include <stdbool.h>
#include <stdio.h>

#include "proto/bit.pb-c.h"

/* What the output can show. */
struct bit_sweep_look {
    int columns; /* of a line; 0: any */
    int rows;    /* of the tree; 0: any. If there are more, the last row counts them */
    bool utf8, colour;
};

/**
 * A line for each branch: label, the step after which it begins, how many steps are its own. If some branch has a run,
 * also the run, its state and its step. Branches of one parent are in the order of the sweep.
 */
void bit_sweep_tree_print(FILE *f, const Bit__SweepReply *s, const struct bit_sweep_look *look);
/** "14 runs, 9,800 steps alone, 6,440 planned: 34 % saved", and a newline. */
void bit_sweep_saving_print(FILE *f, const Bit__SweepReply *s);
/** "s1 figure2: training, 3 of 14 runs completed, 2 failed; 4,120 of 6,440 steps", and a newline. */
void bit_sweep_line_print(FILE *f, const Bit__SweepReply *s);

#endif
