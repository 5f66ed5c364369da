/* The table of runs: all in STATE/runs, by number, from the start of the daemon to its end. */
#ifndef BIT_DAEMON_RUNS_H
#define BIT_DAEMON_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/runs/runner.h"
#include "daemon/sys/env.h"

struct bit_sweeps;

#define BIT_RUNS_REMOVED_MAX 128 /* removals remembered, for clients that ask again */

struct bit_runs {
    const struct bit_env *env;
    const struct bit_runner_ops *ops; /* called by the runs, with owner as argument */
    void *owner;
    struct bit_runner **runner; /* by number, ascending */
    size_t count, capacity;
    uint64_t next_number;
    const struct bit_sweeps *sweeps; /* that runs may be branches of; NULL: none */
    struct bit_runs_removed {
        char request_id[BIT_REQUEST_ID_MAX + 1], id[BIT_RUN_ID_MAX];
    } removed[BIT_RUNS_REMOVED_MAX]; /* a ring */
    size_t removed_count;            /* of all so far */
};

void bit_runs_init(struct bit_runs *runs, const struct bit_env *env, const struct bit_runner_ops *ops, void *owner);
/** Replay every run of the state folder. A damaged one is kept as failed. Errors: -errno, -ENOMEM. */
int bit_runs_load(struct bit_runs *runs);
/** Stop their timers from keeping the loop running. */
void bit_runs_unref(struct bit_runs *runs);
/** Call when no job is left. Run the loop afterwards to close the handles. */
void bit_runs_finish(struct bit_runs *runs);

/** The run of this id ("r7"); NULL if there is none or it is being removed. */
struct bit_runner *bit_runs_find(const struct bit_runs *runs, const char *id);
/** The run that this request made, or NULL. */
struct bit_runner *bit_runs_find_request(const struct bit_runs *runs, const char *request_id);
/** Whether this user may have one more run that has not ended. Errors: BIT_EBUSY naming the limit. */
int bit_runs_check_user(const struct bit_runs *runs, uint32_t uid);
/** Whether a run of this user may be added. Errors: BIT_EBUSY naming the limit. */
int bit_runs_check_room(const struct bit_runs *runs, uint32_t uid);
/** Put a run into the table, which owns it from then on; its number is the highest. Errors: -ENOMEM. */
int bit_runs_append(struct bit_runs *runs, struct bit_runner *r);
/** Remove a run without a job from the table, and free it. */
void bit_runs_drop(struct bit_runs *runs, struct bit_runner *r);
/** A run was queued or gave its slot back: start what may start. */
void bit_runs_schedule(struct bit_runs *runs);

/** The number of runs that have a job. */
uint32_t bit_runs_slots_taken(const struct bit_runs *runs);

#endif
