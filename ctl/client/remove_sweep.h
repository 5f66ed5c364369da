/* A sweep removed by bitd, with all its runs. */
#ifndef BIT_CTL_REMOVE_SWEEP_H
#define BIT_CTL_REMOVE_SWEEP_H

#include "ctl/client/remove_run.h"

/**
 * Remove its runs, those that begin from others first, and then the sweep; each is said, and runs are counted. Where
 * one has to stay nothing is removed, unless so_far->force. With so_far->dry_run nothing is removed.
 * Returns     0, or the exit code after what is in the way was said
 */
int bit_remove_sweep(struct bit_cli *cli, const char *sweep, struct bit_remove_run *so_far);

#endif
