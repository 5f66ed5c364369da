/* The measures by which branches are compared: each has one number for every run. Sends no requests. */
#ifndef BIT_CTL_BRANCH_MEASURES_H
#define BIT_CTL_BRANCH_MEASURES_H

#include "ctl/client/branches.h"

enum bit_branch_measure_unit { BIT_MEASURE_LOSS, BIT_MEASURE_STEPS, BIT_MEASURE_SHARE };

struct bit_branch_measure {
    char name[2 * BIT_NAME_MAX];       /* "held", "held, ternary", "spike", "task copa" */
    char what[192];                    /* how it is computed */
    enum bit_branch_measure_unit unit; /* of a share, higher is better; of the others, lower */
    double *value;                     /* of each run, in the order of bit_branches.run; NaN: the run has none; owned */
};

struct bit_branch_measures {
    struct bit_branch_measure *measure; /* owned */
    size_t count;
};

struct bit_branch_measures_asked {
    size_t last;   /* number of losses whose mean is a level */
    size_t smooth; /* number of losses in the moving average for recovery */
    size_t trunk;  /* the branch that did not switch, whose curve the others are to reach; SIZE_MAX: none */
};

/**
 * Make the measures of runs whose first curve is their loss: evaluations of each set, the training loss, spike,
 * recovery, tasks. Only measures of which some run has a value are kept. -ENOMEM.
 */
int bit_branch_measures_make(const struct bit_branches *b, const struct bit_branch_measures_asked *asked,
                             struct bit_branch_measures *out);
void bit_branch_measures_finish(struct bit_branch_measures *m);
/** SIZE_MAX: there is no measure of that name. */
size_t bit_branch_measures_find(const struct bit_branch_measures *m, const char *name);

#endif
