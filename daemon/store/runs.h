/* The table of runs: all that lie in STATE/runs, by number, from the start of the daemon to its end. */
#ifndef BIT_DAEMON_RUNS_H
#define BIT_DAEMON_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/runner.h"
#include "daemon/sys/env.h"

struct bit_fork_origin;
struct bit_sweeps;

#define BIT_RUNS_REMOVED_MAX 128 /* removals that are remembered, for clients that ask again */

struct bit_runs {
    const struct bit_env *env;
    const struct bit_runner_ops *ops; /* whom the runs tell, with owner as argument */
    void *owner;
    struct bit_runner **runner; /* by number, ascending */
    size_t count, capacity;
    uint64_t next_number;
    const struct bit_sweeps *sweeps; /* that runs are branches of; NULL: none */
    struct bit_runs_removed {
        char request_id[BIT_REQUEST_ID_MAX + 1], id[BIT_RUN_ID_MAX];
    } removed[BIT_RUNS_REMOVED_MAX]; /* a ring */
    size_t removed_count;            /* ever */
};

void bit_runs_init(struct bit_runs *runs, const struct bit_env *env, const struct bit_runner_ops *ops, void *owner);
/** Replay every run of the state folder. A damaged one is kept as failed. Errors: -errno, -ENOMEM. */
int bit_runs_load(struct bit_runs *runs);
/** Their timers no longer keep the loop running. */
void bit_runs_unref(struct bit_runs *runs);
/** When the jobs are gone. The loop has to be run after it, to close their handles. */
void bit_runs_finish(struct bit_runs *runs);

/** The run of this id ("r7"), or NULL, also where it is being removed. */
struct bit_runner *bit_runs_find(const struct bit_runs *runs, const char *id);
/** The run that this request made, or NULL. */
struct bit_runner *bit_runs_find_request(const struct bit_runs *runs, const char *request_id);
/** Whether this user may have one more run that has not ended. Errors: BIT_EBUSY naming the limit. */
int bit_runs_check_user(const struct bit_runs *runs, uint32_t uid);
/** Whether a run of this user may be added. Errors: BIT_EBUSY naming the limit. */
int bit_runs_check_room(const struct bit_runs *runs, uint32_t uid);
/**
 * Make a run: its folder, its spec.pb and a journal that begins. Takes ownership of spec in every case.
 * asked       its first record, but for run, identity and fork, which are filled in here
 * fork        where it begins, if it is a fork; else NULL
 * facts       a folder that may have data.pb and init.pb of what was looked at for it, which become its own; or NULL
 * Errors      BIT_EBUSY if there are as many as may be; -errno; the folder is removed then
 */
int bit_runs_add(struct bit_runs *runs, Bit__RunSpec *spec, const Bit__RunSubmitted *asked,
                 const struct bit_fork_origin *fork, const char *facts, struct bit_runner **out);
/** Take a run without a job out of the table, and free it. */
void bit_runs_drop(struct bit_runs *runs, struct bit_runner *r);
/** A run is queued, or gave its slot back: what may start does. */
void bit_runs_schedule(struct bit_runs *runs);

/** Runs that have a job. */
uint32_t bit_runs_slots_taken(const struct bit_runs *runs);
/** Runs that have not ended, and wait neither for anybody to resume them, nor for another bitd to launch them, nor for
 * others that wait so. */
bool bit_runs_have_work(const struct bit_runs *runs);

#endif
