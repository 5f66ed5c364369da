/* A sweep from its file to bitd: read, expanded, checked, and asked for. */
#ifndef BIT_CTL_SWEEP_SUBMIT_H
#define BIT_CTL_SWEEP_SUBMIT_H

#include <stdbool.h>

#include "ctl/cli/queue_options.h"
#include "ctl/spec/spec_file.h"
#include "ctl/spec/sweep_check.h"

struct bit_sweep_submit {
    const char *name;       /* --name, or NULL */
    const char *request_id; /* NULL: one of our own */
    bool dry_run, paused;
    uint32_t seeds; /* --seeds; 0: as the file has it */
    struct bit_queue_options queue;
    const char *set[BIT_SPEC_FILE_SETS_MAX];
    size_t set_count;
    Bit__SweepVary *vary[BIT_SWEEP_VARIES_MAX]; /* owned */
    size_t vary_count;
    /* filled */
    struct bit_sweep_file file; /* its path is given */
    struct bit_sweep_branches branches;
    struct bit_sweep_facts *facts; /* one a branch */
    char name_used[BIT_NAME_MAX + 1];
};

/**
 * Read, expand and check. Every mistake is said, with file, line and column.
 * Returns     0, or the exit code; bit_sweep_submit_finish is due in any case
 */
int bit_sweep_submit_read(struct bit_cli *cli, struct bit_sweep_submit *s);
/** Ask bitd for it, or for the plan alone. Returns 0 with *reply, or the exit code after bitd's refusal was said. */
int bit_sweep_submit_ask(struct bit_cli *cli, struct bit_sweep_submit *s, Bit__SweepReply **reply);
/** What bitd would be told without a daemon: every branch begins at step 1. The caller's; NULL: -ENOMEM. */
Bit__SweepReply *bit_sweep_submit_alone(const struct bit_sweep_submit *s);
/** Tokens that a plan trains on: those of all branches' own steps. */
uint64_t bit_sweep_submit_tokens(const struct bit_sweep_submit *s, const Bit__SweepReply *plan);
void bit_sweep_submit_finish(struct bit_sweep_submit *s);

#endif
