/*
 * The runs to compare, in branches: runs that are the same except for their seeds are one branch.
 *
 * Two specifications are the same if they are equal except for the name, the seeds of model and data, checkpoints,
 * evaluations and launch. A label that the user gave decides instead: all runs with one label are one branch.
 */
#ifndef BIT_CTL_BRANCHES_H
#define BIT_CTL_BRANCHES_H

#include "ctl/client/run_curves.h"

#define BIT_BRANCH_LABEL 128
#define BIT_BRANCH_SEED  64

struct bit_branch_run {
    struct bit_run_curves curves;
    char given[BIT_BRANCH_LABEL]; /* the label of "RUN=LABEL", or of the sweep's branch; else empty */
    char seed[BIT_BRANCH_SEED];   /* "model 6198, data 1" */
    char *key;                    /* what must be equal within a branch, as text; owned */
    size_t branch;
    char **set; /* the assignments of the sweep's branch; owned */
    size_t n_set;
    bool of_sweep; /* opened as a branch of its sweep */
};

struct bit_branches {
    struct bit_branch_run *run; /* in the order of the command line, each once; owned */
    size_t count;
    char (*label)[BIT_BRANCH_LABEL]; /* of each branch, all different; owned */
    size_t branches;
    bool borrowed; /* curves and assignments belong to the caller */
};

/**
 * Ask for these runs ("r1", "name", "@last", each also with "=LABEL") or sweeps ("s1", "name": the branches that have a
 * run already), and group them into branches. The exit code.
 */
int bit_branches_open(struct bit_cli *cli, char *const *words, size_t count, struct bit_branches *out);
/**
 * Group runs that the caller has read into branches, and label these. The caller fills in each run's curves, and
 * `given`, `set` and `of_sweep` if it knows them, and sets `borrowed`. -ENOMEM.
 */
int bit_branches_part(struct bit_branches *b);
void bit_branches_finish(struct bit_branches *b);
/** A run's specification without what may differ within a branch; free it with bit_msg_free. NULL: no memory. */
Bit__RunSpec *bit_branches_spec(const struct bit_branch_run *run);
/** How many runs a branch has. */
size_t bit_branches_size(const struct bit_branches *b, size_t branch);

#endif
