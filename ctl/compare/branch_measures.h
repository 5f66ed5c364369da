/* The numbers that branches are compared by: one of every run for each measure. Asks nobody. */
#ifndef BIT_CTL_BRANCH_MEASURES_H
#define BIT_CTL_BRANCH_MEASURES_H

#include "ctl/client/branches.h"

enum bit_branch_measure_unit { BIT_MEASURE_LOSS, BIT_MEASURE_STEPS, BIT_MEASURE_SHARE };

struct bit_branch_measure {
    char name[2 * BIT_NAME_MAX];       /* "held", "held, ternary", "spike", "task copa" */
    char what[192];                    /* how it is counted */
    enum bit_branch_measure_unit unit; /* a share is better the higher, all others the lower */
    double *value;                     /* of every run, in the order of the branches' runs; NaN: it has none; owned */
};

struct bit_branch_measures {
    struct bit_branch_measure *measure; /* owned */
    size_t count;
};

struct bit_branch_measures_asked {
    size_t last;   /* losses that levels are means of */
    size_t smooth; /* losses that recovery is looked for in means of */
    size_t trunk;  /* branch that has not switched, whose curve is to be met; SIZE_MAX: none */
};

/**
 * Of runs whose first curve is their loss: evaluations of each set, the training loss, spike, recovery, tasks; only
 * those that some run has. -ENOMEM.
 */
int bit_branch_measures_make(const struct bit_branches *b, const struct bit_branch_measures_asked *asked,
                             struct bit_branch_measures *out);
void bit_branch_measures_finish(struct bit_branch_measures *m);
/** SIZE_MAX: none has that name. */
size_t bit_branch_measures_find(const struct bit_branch_measures *m, const char *name);

#endif
