/* A run's journal: synced once a second, checked to be still under its name, and closed while it is idle. */
#ifndef BIT_DAEMON_DURABLE_H
#define BIT_DAEMON_DURABLE_H

#include "daemon/store/runs/runner.h"

/** Call once a second. Off the loop, step records are made durable, and the removal of a journal is detected. */
void bit_durable_tick(struct bit_runner *r);
/**
 * Whether the journal still exists in the run's folder, now. If not, the run is blocked until it is back.
 * Errors      -ENOENT naming the journal; -errno: the journal cannot be examined
 */
int bit_durable_check(struct bit_runner *r);
/** Close the files of a run without a job; the next record opens its journal again. */
void bit_durable_rest(struct bit_runner *r);

#endif
