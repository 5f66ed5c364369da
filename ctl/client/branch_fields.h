/* In which fields of their specifications branches differ, and which value each has. Asks nobody. */
#ifndef BIT_CTL_BRANCH_FIELDS_H
#define BIT_CTL_BRANCH_FIELDS_H

#include "ctl/client/branches.h"

#define BIT_BRANCH_FIELDS_MAX 32 /* of more the first */

struct bit_branch_fields {
    char *path[BIT_BRANCH_FIELDS_MAX];       /* "phases.switch.at_step"; owned */
    const char *name[BIT_BRANCH_FIELDS_MAX]; /* as few of its last words as tell it apart: "at_step"; within path */
    size_t count;
    char **value; /* (branches, BIT_BRANCH_FIELDS_MAX): NULL: it leaves the field as it is; owned */
};

/**
 * Where all runs are of sweeps, the fields that their branches assign. Else those in which the specifications of the
 * branches differ, of which then every branch has a value. Never the name, the seeds, or what may differ within a
 * branch; and a branch whose runs differ in more (a label that somebody gave) has none. -ENOMEM.
 */
int bit_branch_fields_make(const struct bit_branches *b, struct bit_branch_fields *out);
void bit_branch_fields_finish(struct bit_branch_fields *f, const struct bit_branches *b);

#endif
