/* Which run or sweep `bitd --run FILE` means: a state folder may hold others, and it may hold this one already. */
#ifndef BIT_DAEMON_OWN_RUN_H
#define BIT_DAEMON_OWN_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/runs.h"
#include "daemon/store/sweeps.h"
#include "proto/limits.h"

struct bit_own_run {
    char request_id[BIT_REQUEST_ID_MAX + 1]; /* by which it is submitted, or was; empty: bitd has no --run */
    uint64_t first_new;                      /* the number of the first run that this bitd makes */
    char sweep[BIT_RUN_ID_MAX];              /* its id, if it is a sweep that is there already; else empty */
};

/**
 * Choose, once the runs are loaded: the run that the Slurm job around bitd had before it was requeued; else the latest
 * of the same specification, unless that was cancelled; else one that is to be made. Logs what it came to.
 *     A specification that cannot be read is none of the runs; `bitctl submit` will say what is wrong with it. A sweep
 * file (*.sweep) is the sweep that was made of the same bytes under the same path.
 * Errors      -ENOMEM; -errno of the random numbers
 */
int bit_own_run_choose(const struct bit_runs *runs, const struct bit_sweeps *sweeps, struct bit_own_run *out);
/** Whether a file of this name is a sweep's. */
bool bit_own_run_is_sweep(const char *path);
/** Whether the run was there before bitd, and is not the one that it was started for; or another Slurm job's. */
bool bit_own_run_excludes(const struct bit_own_run *own, const struct bit_runner *r);
/** Whether it is the run that bitd was started for, or one of that sweep. */
bool bit_own_run_is(const struct bit_own_run *own, const struct bit_runner *r);
/** One line of the log for each run that has not ended and is left as it is. */
void bit_own_run_tell_others(const struct bit_own_run *own, const struct bit_runs *runs);

/**
 * Whether a state folder has a run of the specification at `path`, ended or not: of a sweep file it has none. Nothing
 * is written or locked there.
 * Returns     0 or 1. Errors: BIT_ESPEC; -errno of the specification; -ENOMEM
 */
int bit_own_run_is_in(const char *state, const char *path);

#endif
