/* Checks every branch of a sweep by the rules for runs, and reports problems at their place in the files. */
#ifndef BIT_CTL_SWEEP_CHECK_H
#define BIT_CTL_SWEEP_CHECK_H

#include "ctl/spec/sweep_expand.h"
#include "ctl/spec/sweep_file.h"

/* Figures of a branch's normalised specification. */
struct bit_sweep_facts {
    uint64_t steps;       /* of the whole run */
    uint64_t step_tokens; /* of one step */
};

/**
 * Check every branch as a submission is checked before bitd is asked, but without its files. Add to the branches of
 * seed n > 1 the assignments of model.init_seed and data.seed: the specification's values plus n - 1.
 * out         one for each branch
 * Errors      BIT_ESPEC with the problems of both files, over all branches, each once; -ENOMEM
 */
int bit_sweep_check(struct bit_sweep_file *f, struct bit_sweep_branches *b, struct bit_sweep_facts *out);

#endif
