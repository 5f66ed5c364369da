/* Whether a word means a run or a sweep, and what bitd tells of the latter. */
#ifndef BIT_CTL_SWEEP_FETCH_H
#define BIT_CTL_SWEEP_FETCH_H

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"

/**
 * Ask for the sweep of this id or name. *out is NULL where there is none, and where a run is called so; else the
 * caller's (bit_msg_free).
 * Returns     0, or the exit code after everything was said
 */
int bit_sweep_fetch(struct bit_cli *cli, const char *word, Bit__SweepReply **out);

#endif
