/* Has bitd remove a sweep with all its runs. */
#ifndef BIT_CTL_REMOVE_SWEEP_H
#define BIT_CTL_REMOVE_SWEEP_H

#include "ctl/client/remove_run.h"

/**
 * Remove the sweep's runs, forks before the runs that they began from, and then the sweep; each is printed and counted.
 * If a run cannot be removed, nothing is, unless so_far->force. With so_far->dry_run nothing is removed.
 * Returns     0, or the exit code after the obstacle was printed
 */
int bit_remove_sweep(struct bit_cli *cli, const char *sweep, struct bit_remove_run *so_far);

#endif
