/* Fetches from bitd what a report needs of a run: status, specification, checkpoints, and the journal with every
 * step. */
#ifndef BIT_CTL_PAST_FETCH_H
#define BIT_CTL_PAST_FETCH_H

#include "ctl/cli/verb.h"
#include "ctl/report/run_past.h"

/**
 * Fetch a run by id or name. The caller must call bit_run_past_finish, on failure too.
 * Returns     0, or the exit code, after the error was printed
 */
int bit_past_fetch(struct bit_cli *cli, const char *run, struct bit_run_past *out);

#endif
