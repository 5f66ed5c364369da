/* Which runs branches of a sweep are still to begin from. */
#ifndef BIT_DAEMON_SWEEP_WAITS_H
#define BIT_DAEMON_SWEEP_WAITS_H

#include <stdint.h>

struct bit_runner;

/** The label of a branch that is still to begin from this run's checkpoint `step` (0: from any); NULL: none is. */
const char *bit_sweep_waits_find(const struct bit_runner *r, uint64_t step);

#endif
