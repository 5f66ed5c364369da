/* Which run or sweep `bitd --run FILE` means: the state folder may hold others, and it may hold this one already. */
#ifndef BIT_DAEMON_OWN_RUN_H
#define BIT_DAEMON_OWN_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/runs/runs.h"
#include "daemon/store/sweeps/sweeps.h"
#include "proto/limits.h"

struct bit_own_run {
    char request_id[BIT_REQUEST_ID_MAX + 1]; /* with which it is or was submitted; empty: bitd has no --run */
    uint64_t first_new;                      /* the number of the first run that this bitd makes */
    char sweep[BIT_RUN_ID_MAX];              /* the id of a sweep that exists already; else empty */
};

/**
 * Choose, once the runs are loaded: the run that the Slurm job around bitd had before it was requeued; else the latest
 * of the same specification, unless that was cancelled; else a new one. Logs the choice.
 *     A specification that cannot be read matches no run; `bitctl submit` will report what is wrong with it. A sweep
 * file (*.sweep) matches the sweep that was made from the same bytes at the same path.
 * Errors      -ENOMEM; -errno of the random numbers
 */
int bit_own_run_choose(const struct bit_runs *runs, const struct bit_sweeps *sweeps, struct bit_own_run *out);
/** Whether the name is a sweep file's (*.sweep). */
bool bit_own_run_is_sweep(const char *path);
/** Whether bitd must leave the run alone: it existed before bitd, and bitd was started for another run, or it belongs
 * to another Slurm job. */
bool bit_own_run_excludes(const struct bit_own_run *own, const struct bit_runner *r);
/** Whether it is the run that bitd was started for, or a run of that sweep. */
bool bit_own_run_is(const struct bit_own_run *own, const struct bit_runner *r);
/** Log a line for each excluded run that has not ended. */
void bit_own_run_tell_others(const struct bit_own_run *own, const struct bit_runs *runs);

/**
 * Whether a state folder has a run of the specification at `path`, ended or not; always 0 for a sweep file. Nothing is
 * written or locked there.
 * Returns     0 or 1. Errors: BIT_ESPEC; -errno of the specification; -ENOMEM
 */
int bit_own_run_is_in(const char *state, const char *path);

#endif
