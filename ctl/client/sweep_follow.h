/* Watches a sweep until its last branch has ended. */
#ifndef BIT_CTL_SWEEP_FOLLOW_H
#define BIT_CTL_SWEEP_FOLLOW_H

#include <stdio.h>

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"

/**
 * On a terminal a page that is drawn again every second, as by `bitctl top`; elsewhere a line whenever a branch's state
 * changes; both print the tree at the end. With cli->json the reply whenever a state changes. A bitd that goes away is
 * waited for. `q` and Ctrl-C leave, and the sweep goes on.
 * Returns     0 if all completed, 100 if any failed, 103 if any was cancelled; also 0 after q or Ctrl-C
 */
int bit_sweep_follow(struct bit_cli *cli, const char *sweep);
/** Wait without progress, then print what failed. Returns the same. */
int bit_sweep_wait(struct bit_cli *cli, const char *sweep);

/** The tree, then its summary line, its notes, and why branches failed, are blocked or restart. */
void bit_sweep_page_print(FILE *f, const Bit__SweepReply *s);

#endif
