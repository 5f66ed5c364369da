/* Follows a run: live progress from its events, and the summary at its end. */
#ifndef BIT_CTL_FOLLOW_H
#define BIT_CTL_FOLLOW_H

#include "ctl/cli/verb.h"

/**
 * Follow `run` to its end: events as lines, a progress line that is redrawn on a terminal (elsewhere a line every few
 * seconds), then the summary. Survives a restart of the daemon. Ctrl-C detaches, prints how to come back, and does not
 * touch the run. Returns the exit code of `bitctl wait`.
 */
int bit_follow(struct bit_cli *cli, const char *run);

#endif
