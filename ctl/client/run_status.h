/* Asks bitd for the status of a run. */
#ifndef BIT_CTL_RUN_STATUS_H
#define BIT_CTL_RUN_STATUS_H

#include <stdbool.h>

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"

/**
 * The status of the run that a word names, with its specification if `spec`, without its curve. *out is the caller's.
 * Returns     0, or the exit code after the reason was printed
 */
int bit_run_status_ask(struct bit_cli *cli, const char *run, bool spec, Bit__RunStatus **out);
/** Whether a run in this state has ended: completed, failed or cancelled. */
bool bit_run_status_is_end(Bit__RunState state);

#endif
