/* Whether each branch of a sweep is a run by the rules, with what is wrong where it stands. */
#ifndef BIT_CTL_SWEEP_CHECK_H
#define BIT_CTL_SWEEP_CHECK_H

#include "ctl/spec/sweep_expand.h"
#include "ctl/spec/sweep_file.h"

/* What a branch comes to, normalised. */
struct bit_sweep_facts {
    uint64_t steps;       /* of the whole run */
    uint64_t step_tokens; /* of one */
};

/**
 * Check every branch as a submission is checked before bitd is asked, without looking at the files that it names, and
 * give those of a seed above the first its assignments: model.init_seed and data.seed, so much above what they are.
 * out         one for each branch
 * Errors      BIT_ESPEC with the problems of both files: of all branches, each once; -ENOMEM
 */
int bit_sweep_check(struct bit_sweep_file *f, struct bit_sweep_branches *b, struct bit_sweep_facts *out);

#endif
