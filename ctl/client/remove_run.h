/* Has bitd remove a run, and counts what that freed. */
#ifndef BIT_CTL_REMOVE_RUN_H
#define BIT_CTL_REMOVE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/cli/verb.h"

struct bit_remove_run {
    bool dry_run, force;
    bool with_sweep; /* the other runs of its sweep are removed, too, so they do not keep it */
    bool unsaid;     /* print refusals only */
    unsigned count;  /* runs removed so far */
    uint64_t bytes;  /* freed by them */
    int exit_code;   /* the first that was not 0 */
};

/** Remove a run, print so, and count it. */
void bit_remove_run(struct bit_cli *cli, const char *run, struct bit_remove_run *so_far);
/** Print "3 runs removed, 36.9 MiB freed", if there was more than one. */
void bit_remove_run_sum(struct bit_cli *cli, const struct bit_remove_run *so_far);

#endif
