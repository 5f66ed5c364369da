/*
 * The runs that are compared, in branches: runs that are the same but for their seeds are one branch.
 *
 * Of two specifications that is what decides: all but the name, the seeds of model and data, checkpoints, evaluations
 * and where it runs. A label that somebody gives decides instead, and the runs of one label are one branch.
 */
#ifndef BIT_CTL_BRANCHES_H
#define BIT_CTL_BRANCHES_H

#include "ctl/client/run_curves.h"

#define BIT_BRANCH_LABEL 128
#define BIT_BRANCH_SEED  64

struct bit_branch_run {
    struct bit_run_curves curves;
    char given[BIT_BRANCH_LABEL]; /* "RUN=LABEL"; else empty */
    char seed[BIT_BRANCH_SEED];   /* "model 6198, data 1" */
    char *key;                    /* what must be equal; owned */
    size_t branch;
    char **set; /* of a sweep's branch: its assignments; owned */
    size_t n_set;
    bool of_sweep; /* asked for by its sweep */
};

struct bit_branches {
    struct bit_branch_run *run; /* as they were asked for, each once; owned */
    size_t count;
    char (*label)[BIT_BRANCH_LABEL]; /* of each branch, no two alike; owned */
    size_t branches;
    bool borrowed; /* curves and assignments are somebody else's */
};

/**
 * Ask for these runs ("r1", "name", "@last", each with "=LABEL") or sweeps ("s1", "name": what is there of its
 * branches), and part them into branches. The exit code.
 */
int bit_branches_open(struct bit_cli *cli, char *const *words, size_t count, struct bit_branches *out);
/**
 * Part runs that were read elsewhere into branches and label these: of each run its curves and what of `given`, `set`
 * and `of_sweep` there is are filled in; `borrowed` is set. -ENOMEM.
 */
int bit_branches_part(struct bit_branches *b);
void bit_branches_finish(struct bit_branches *b);
/** A run's specification without what may differ within a branch; bit_msg_free's. NULL: no memory. */
Bit__RunSpec *bit_branches_spec(const struct bit_branch_run *run);
/** How many runs a branch has. */
size_t bit_branches_size(const struct bit_branches *b, size_t branch);

#endif
