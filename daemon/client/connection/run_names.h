/* Finds the run that an id, "@last" or a name means. Several runs may have one name. */
#ifndef BIT_DAEMON_RUN_NAMES_H
#define BIT_DAEMON_RUN_NAMES_H

#include <stdbool.h>
#include <stdint.h>

struct bit_client;
struct bit_runs;
struct bit_runner;

/* What the run is wanted for, which decides how a name of several runs is resolved. */
enum bit_run_use {
    BIT_RUN_READ,   /* to the newest that has not ended, else the newest, with a note of the others */
    BIT_RUN_CHANGE, /* to the only one that has not ended, with a note, if it is the user's own; else refused */
    BIT_RUN_REMOVE, /* refused; and so is @last, which may mean another run a moment later */
};

#define BIT_RUN_NOTE_MAX 256

/**
 * An id is unique. A name is searched first among the runs of the user who asks, so that other users cannot redirect
 * his command by giving a run the same name. "@last" is his newest run in any state, never another user's. note
 * "2 runs are called mine: r2, r1; this is r2", or empty
 * Errors      BIT_ENORUN, with the nearest name; BIT_EUSAGE if several may be meant, with their ids, owners and states
 */
int bit_run_names_find(const struct bit_runs *runs, const char *which, uint32_t uid, enum bit_run_use use,
                       struct bit_runner **out, char note[BIT_RUN_NOTE_MAX]);
/**
 * The run that a client's request names; the note is sent to the client. NULL with the client refused, also if the
 * run's folder was removed by hand.
 */
struct bit_runner *bit_run_names_asked(struct bit_client *c, const char *which, enum bit_run_use use);
/**
 * As bit_run_names_asked for a change, but a request that bitd has applied means the run that it changed, whatever its
 * name or "@last" means now. An id means its own run always.
 */
struct bit_runner *bit_run_names_to_change(struct bit_client *c, const char *which, const char *request_id);
/** Whether the folder of a run without a job is missing: somebody removed it by hand. */
bool bit_run_names_is_gone(const struct bit_runner *r);

#endif
