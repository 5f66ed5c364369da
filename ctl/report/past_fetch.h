/* What bitd tells of a run, for a report: status, specification, checkpoints, and the journal with every step. */
#ifndef BIT_CTL_PAST_FETCH_H
#define BIT_CTL_PAST_FETCH_H

#include "ctl/cli/verb.h"
#include "ctl/report/run_past.h"

/**
 * Ask for it, by id or name. bit_run_past_finish is due in any case.
 * Returns     0, or the exit code after everything was said
 */
int bit_past_fetch(struct bit_cli *cli, const char *run, struct bit_run_past *out);

#endif
