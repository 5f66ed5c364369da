/*
 * Pauses, resumes and cancels a sweep as one: by one record of the sweep, then one of each of its runs. A bitd that was
 * killed in between does the rest after its restart.
 */
#ifndef BIT_DAEMON_SWEEP_CHANGE_H
#define BIT_DAEMON_SWEEP_CHANGE_H

#include "daemon/client/connection/client.h"

struct bit_sweep;
struct bit_sweeps;

/** A SweepChangeRequest: answered as soon as it is recorded. */
void bit_sweep_change(struct bit_client *c, const Bit__SweepChangeRequest *m);
/** Apply recorded changes that have not reached every run yet. */
void bit_sweep_change_finish(struct bit_sweeps *sweeps);

/** A SweepWaitRequest. */
void bit_sweep_change_wait(struct bit_client *c, const Bit__SweepWaitRequest *m);
/** Check a client's wait for a sweep, and answer it if it is over. */
void bit_sweep_change_look(struct bit_client *c);

#endif
