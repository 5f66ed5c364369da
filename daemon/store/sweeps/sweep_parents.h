/* Where a branch of a sweep can begin among the existing runs: some may have failed or been changed by users. */
#ifndef BIT_DAEMON_SWEEP_PARENTS_H
#define BIT_DAEMON_SWEEP_PARENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/run/plans/sweep_plan.h"
#include "daemon/store/sweeps/sweep_state.h"

struct bit_run;
struct bit_runs;

/** Whether the run's steps 1 to `step` are, or will be, the same as if this specification were trained alone. */
bool bit_sweep_parents_match(const struct bit_run *run, const Bit__RunSpec *branch, uint64_t step);
/** Whether the branch's parent will never have the checkpoint that the branch begins from. */
bool bit_sweep_parents_is_lost(const struct bit_sweep *s, const struct bit_runs *runs, size_t branch);
/** The best remaining place. */
struct bit_sweep_place bit_sweep_parents_choose(const struct bit_sweep *s, const struct bit_runs *runs, size_t branch);

#endif
