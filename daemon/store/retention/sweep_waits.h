/* Which runs branches of a sweep have yet to begin from. */
#ifndef BIT_DAEMON_SWEEP_WAITS_H
#define BIT_DAEMON_SWEEP_WAITS_H

#include <stdint.h>

struct bit_runner;

/** The label of a branch that has yet to begin from this run's checkpoint `step` (0: from any); NULL: none. */
const char *bit_sweep_waits_find(const struct bit_runner *r, uint64_t step);

#endif
