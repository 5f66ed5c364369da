/*
 * The life of sweeps: each run is made when it can be, roots at once, a fork as soon as its parent's checkpoint is
 * durable. Whatever state bitd is killed in, looking again goes on from there: a run that was made says in its first
 * record which branch it is.
 */
#ifndef BIT_DAEMON_SWEEP_LIFE_H
#define BIT_DAEMON_SWEEP_LIFE_H

#include <stdbool.h>

#include "daemon/store/sweeps.h"

/** Make what can be made. */
void bit_sweep_life_look(struct bit_sweeps *sweeps);
/** Do so when the loop is back: for those who are in the middle of something. */
void bit_sweep_life_look_soon(struct bit_sweeps *sweeps);
/** Whether runs are still to be made that nobody holds back. */
bool bit_sweep_life_has_work(const struct bit_sweeps *sweeps);

#endif
