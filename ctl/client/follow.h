/* Following a run: live progress from its events, and the summary at its end. */
#ifndef BIT_CTL_FOLLOW_H
#define BIT_CTL_FOLLOW_H

#include "ctl/cli/verb.h"

/**
 * Follow `run` to its end: events as lines, a progress line redrawn on a terminal (a line every few seconds elsewhere),
 * then the summary. Survives a daemon that restarts. Ctrl-C detaches, says how to come back, and leaves the run alone.
 * Returns the exit code of `bitctl wait`.
 */
int bit_follow(struct bit_cli *cli, const char *run);

#endif
