/*
 * Makes the branches of a sweep: every combination of the values that vary, single branches, seeds. Pure: it reads no
 * file; sweep_check.h checks whether a branch is a valid run.
 */
#ifndef BIT_CTL_SWEEP_EXPAND_H
#define BIT_CTL_SWEEP_EXPAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/limits.h"
#include "proto/text/problems.h"

#define BIT_SWEEP_VARIES_MAX 16 /* on a command line */

/* An assignment of a branch, "KEY=VALUE", and the place of its value in the file; line 0: on the command line. */
struct bit_sweep_set {
    char *text; /* owned */
    int line, column;
};

struct bit_sweep_branch {
    char label[BIT_LABEL_MAX + 1]; /* empty until bit_sweep_labels_make, unless the file gives one */
    struct bit_sweep_set *set;     /* owned */
    size_t count;
    uint32_t seed; /* number of the seed, from 1; 0: the sweep has only one */
    int line, column;
};

struct bit_sweep_branches {
    struct bit_sweep_branch *item; /* owned; single branches, then grids; all of the first seed, then all of the next */
    size_t count;
};

/**
 * Parse --vary: "FIELD=A,B,...". Commas within quotes and brackets do not separate, so that a value can be a list:
 * "checkpoint.at=[100, 200],[300]".
 * Errors      BIT_EUSAGE with the reason; -ENOMEM
 * Ownership   *out is heap, freed by bit_msg_free
 */
int bit_sweep_vary_parse(const char *text, Bit__SweepVary **out);

/**
 * Make the branches of `sweep`. `extra` (--vary) applies to all of them: each branch is made once for every combination
 * of its values. A sweep without grids and single branches has one branch, in which nothing varies.
 * problems    holds the positions of the sweep's file
 * Errors      BIT_ESPEC with problems: no field or no value, a field twice, too many branches; -ENOMEM
 */
int bit_sweep_expand(const Bit__SweepSpec *sweep, Bit__SweepVary *const *extra, size_t extra_count,
                     struct bit_problems *problems, struct bit_sweep_branches *out);
void bit_sweep_branches_finish(struct bit_sweep_branches *b);

/** Bytes of the key of "KEY=VALUE" or "KEY+=VALUE". */
size_t bit_sweep_key(const char *assignment);
/**
 * Whether the two fields are the same, or one is a message that contains the other: then of two assignments the later
 * undoes the earlier.
 */
bool bit_sweep_keys_overlap(const char *a, const char *b);

#endif
