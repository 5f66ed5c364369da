/*
 * Runs that go: their folder is renamed to runs/removed.r7.REQUEST first, so that the run is there whole or not at all,
 * and then emptied on the thread pool. What a killed bitd had begun is ended at the next start, which knows by the name
 * which request it was.
 */
#ifndef BIT_DAEMON_REMOVAL_H
#define BIT_DAEMON_REMOVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/runs.h"

/* Whether a request's id can be part of a file's name: letters, digits, '-' and '_'. */
bool bit_removal_may_ask(const char *request_id);

struct bit_removal_done {
    int err;        /* < 0: see text; the run is there as before unless `renamed` */
    bool renamed;   /* it is no run any more, and what could not be removed now goes at the next start */
    uint64_t bytes; /* freed, or with dry_run what would be */
    char text[BIT_ERR_TEXT_MAX];
};
/* On the loop. Where it was renamed, the runner is no more. */
typedef void bit_removal_ended(void *arg, const struct bit_removal_done *done);

/**
 * Remove a run that has no job, or with dry_run see what that would free. From here on the run is `removing`, and
 * nobody may use it. After `ended`, which tells the client, the last of it, an empty folder, goes: a client that was
 * not told can ask again.
 * Errors      -ENOMEM and libuv's; ended is not called then
 */
int bit_removal_start(struct bit_runner *r, const char *request_id, bool dry_run, bit_removal_ended *ended, void *arg);

/** Whether this request removed a run, and which: of this bitd, or of one that was killed in the middle of it. */
bool bit_removal_find(const struct bit_runs *runs, const char *request_id, char id[BIT_RUN_ID_MAX]);

/** When bitd starts: go on with what was begun. */
void bit_removal_resume(struct bit_runs *runs);

#endif
