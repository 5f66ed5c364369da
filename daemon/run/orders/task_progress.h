/* How far the present evaluation of a run's tasks has come. */
#ifndef BIT_DAEMON_TASK_PROGRESS_H
#define BIT_DAEMON_TASK_PROGRESS_H

#include <stdbool.h>

#include "daemon/run/run.h"

/**
 * False if none has begun or it is over, or if the run is of an earlier bitd that did not count its items. *out borrows
 * from the run.
 */
bool bit_task_progress(const struct bit_run *run, Bit__TaskProgress *out);

#endif
