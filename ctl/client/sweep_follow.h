/* Watching a sweep: all of its branches until the last has ended. */
#ifndef BIT_CTL_SWEEP_FOLLOW_H
#define BIT_CTL_SWEEP_FOLLOW_H

#include <stdio.h>

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"

/**
 * On a terminal a page that is drawn again every second, as `bitctl top` does, and stays at the end; elsewhere a line
 * whenever a branch's state is another, and the tree at the end; with cli->json the reply whenever it is another. A
 * bitd that goes away is waited for. `q` and Ctrl-C leave, and the sweep goes on.
 * Returns     0 if all completed, 100 if any failed, 103 if any was cancelled; also 0 where q or Ctrl-C left
 */
int bit_sweep_follow(struct bit_cli *cli, const char *sweep);
/** In silence; then says what failed. Returns the same. */
int bit_sweep_wait(struct bit_cli *cli, const char *sweep);

/** The tree, and below it its line, its notes, and why branches failed or are blocked. */
void bit_sweep_page_print(FILE *f, const Bit__SweepReply *s);

#endif
