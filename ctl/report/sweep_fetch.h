/* Finds out whether a word names a run or a sweep, and fetches the sweep. */
#ifndef BIT_CTL_SWEEP_FETCH_H
#define BIT_CTL_SWEEP_FETCH_H

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"

/**
 * Fetch the sweep of this id or name. *out is NULL if there is none, or if a run has that name; else it is the
 * caller's (bit_msg_free).
 * Returns     0, or the exit code, after the error was printed
 */
int bit_sweep_fetch(struct bit_cli *cli, const char *word, Bit__SweepReply **out);

#endif
