/* How far the evaluation of tasks has come that a run is making. */
#ifndef BIT_DAEMON_TASK_PROGRESS_H
#define BIT_DAEMON_TASK_PROGRESS_H

#include <stdbool.h>

#include "daemon/run/run.h"

/**
 * False where none is begun, or it is over; or where the run is of a bitd that did not count its items. *out borrows
 * from the run.
 */
bool bit_task_progress(const struct bit_run *run, Bit__TaskProgress *out);

#endif
