/*
 * The life of sweeps: each run is made as soon as possible, a root at once, a fork when its parent's checkpoint is
 * durable. After a crash in any state, looking again continues from there, because a run's first record names its
 * branch.
 */
#ifndef BIT_DAEMON_SWEEP_LIFE_H
#define BIT_DAEMON_SWEEP_LIFE_H

#include <stdbool.h>

#include "daemon/store/sweeps/sweeps.h"

/** Make every run that can be made now. */
void bit_sweep_life_look(struct bit_sweeps *sweeps);
/** The same, from the next turn of the loop, for callers that are in the middle of something. */
void bit_sweep_life_look_soon(struct bit_sweeps *sweeps);
/** Whether a sweep that is not paused has runs still to be made. */
bool bit_sweep_life_has_work(const struct bit_sweeps *sweeps);

#endif
