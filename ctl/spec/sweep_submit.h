/* Brings a sweep from its file to bitd: reads, expands and checks it, and sends the request. */
#ifndef BIT_CTL_SWEEP_SUBMIT_H
#define BIT_CTL_SWEEP_SUBMIT_H

#include <stdbool.h>

#include "ctl/cli/submit_options.h"
#include "ctl/spec/spec_file.h"
#include "ctl/spec/sweep_check.h"

struct bit_sweep_submit {
    struct bit_submit_options run;
    uint32_t seeds;                             /* --seeds; 0: as in the file */
    Bit__SweepVary *vary[BIT_SWEEP_VARIES_MAX]; /* owned */
    size_t vary_count;
    /* outputs */
    struct bit_sweep_file file; /* the caller sets its path */
    struct bit_sweep_branches branches;
    struct bit_sweep_facts *facts; /* one for each branch */
    char name_used[BIT_NAME_MAX + 1];
};

/**
 * Read, expand and check. Problems are printed with file, line and column.
 * Returns     0, or the exit code; call bit_sweep_submit_finish in any case
 */
int bit_sweep_submit_read(struct bit_cli *cli, struct bit_sweep_submit *s);
/**
 * Ask bitd for the sweep, or for its plan alone. Returns 0 with *reply, or the exit code after bitd's refusal was
 * printed.
 */
int bit_sweep_submit_ask(struct bit_cli *cli, struct bit_sweep_submit *s, Bit__SweepReply **reply);
/** The plan without a daemon: every branch begins at step 1, nothing is shared. The caller's; NULL: -ENOMEM. */
Bit__SweepReply *bit_sweep_submit_alone(const struct bit_sweep_submit *s);
/** Tokens that a plan trains on: the sum over the steps that are each branch's own. */
uint64_t bit_sweep_submit_tokens(const struct bit_sweep_submit *s, const Bit__SweepReply *plan);
void bit_sweep_submit_finish(struct bit_sweep_submit *s);

#endif
