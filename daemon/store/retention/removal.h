/*
 * Removal of runs. The folder is first renamed to runs/removed.r7.REQUEST, so that a run exists whole or not at all,
 * and then emptied on the thread pool. The next start finishes what a killed bitd began. The empty folder stays, as the
 * record of the request: a client that got no answer asks again, perhaps another bitd. The newest BIT_RUNS_REMOVED_MAX
 * are kept.
 */
#ifndef BIT_DAEMON_REMOVAL_H
#define BIT_DAEMON_REMOVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/runs/runs.h"

/* Whether a request's id can be part of a file name: letters, digits, '-' and '_'. */
bool bit_removal_may_ask(const char *request_id);

struct bit_removal_done {
    int err;        /* < 0: see text; the run is unchanged unless `renamed` */
    bool renamed;   /* the run is gone; the next start removes what could not be removed now */
    uint64_t bytes; /* freed; with dry_run: would be freed */
    char text[BIT_ERR_TEXT_MAX];
};
/* On the loop. If the run was renamed, its runner no longer exists. */
typedef void bit_removal_ended(void *arg, const struct bit_removal_done *done);

/**
 * Remove a run that has no job, or with dry_run measure what that would free. From now on the run is `removing` and
 * must not be used.
 * Errors      -ENOMEM and libuv's; ended is not called then
 */
int bit_removal_start(struct bit_runner *r, const char *request_id, bool dry_run, bit_removal_ended *ended, void *arg);

/** Whether this request removed a run, and which: in this bitd or an earlier one. */
bool bit_removal_find(const struct bit_runs *runs, const char *request_id, char id[BIT_RUN_ID_MAX]);

/** When bitd starts: finish removals that were begun, and read which requests removed a run. */
void bit_removal_resume(struct bit_runs *runs);

#endif
