/*
 * Applies the records of a journal to a run, in a replay as in normal operation: no other code changes a run. run_steps
 * and run_checkpoints have the records of these. Pure.
 */
#ifndef BIT_DAEMON_RUN_APPLY_H
#define BIT_DAEMON_RUN_APPLY_H

#include "daemon/run/run.h"

/** Apply one record. Errors: BIT_ECORRUPT if it cannot follow the records before; -ENOMEM. */
int bit_run_apply(struct bit_run *run, const Bit__JournalRecord *record);

#endif
