/* The fields of their specifications in which branches differ, and the value of each branch. Sends no request. */
#ifndef BIT_CTL_BRANCH_FIELDS_H
#define BIT_CTL_BRANCH_FIELDS_H

#include "ctl/client/branches.h"

#define BIT_BRANCH_FIELDS_MAX 32 /* the first ones, if there are more */

struct bit_branch_fields {
    char *path[BIT_BRANCH_FIELDS_MAX];       /* "phases.switch.at_step"; owned */
    const char *name[BIT_BRANCH_FIELDS_MAX]; /* the shortest unique end of path: "at_step"; points into path */
    size_t count;
    char **value; /* (branches, BIT_BRANCH_FIELDS_MAX); NULL: the branch does not set the field; owned */
};

/**
 * If all runs belong to sweeps: the fields that their branches assign. Otherwise: the fields in which the branches'
 * specifications differ, with a value for every branch. The name, the seeds and what may differ within a branch are
 * left out. A branch whose runs differ in more than that (they share a label that the user gave) has no values.
 * -ENOMEM.
 */
int bit_branch_fields_make(const struct bit_branches *b, struct bit_branch_fields *out);
void bit_branch_fields_finish(struct bit_branch_fields *f, const struct bit_branches *b);

#endif
