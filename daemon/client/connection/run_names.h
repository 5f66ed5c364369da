/* Which run is meant: an id, "@last", or a name, which several runs may have. */
#ifndef BIT_DAEMON_RUN_NAMES_H
#define BIT_DAEMON_RUN_NAMES_H

#include <stdbool.h>
#include <stdint.h>

struct bit_client;
struct bit_runs;
struct bit_runner;

/* What the run is wanted for: how sure it must be which is meant. */
enum bit_run_use {
    BIT_RUN_READ,   /* of several of a name one that has not ended, else the newest, and a note of the others */
    BIT_RUN_CHANGE, /* of several the only one that has not ended, and a note; otherwise none */
    BIT_RUN_REMOVE, /* never one of several, and not @last, which may be another a moment later */
};

#define BIT_RUN_NOTE_MAX 256

/**
 * An id is one run's. A name is looked for first among the runs of the user who asks, so that no other user can turn
 * his command to a run of theirs by its name. "@last" is his newest, whatever its state, and never another's.
 * note        "2 runs are called mine: r2, r1; this is r2", or empty
 * Errors      BIT_ENORUN, with the name that was perhaps meant; BIT_EUSAGE if several are meant, with their ids, owners
 *             and states
 */
int bit_run_names_find(const struct bit_runs *runs, const char *which, uint32_t uid, enum bit_run_use use,
                       struct bit_runner **out, char note[BIT_RUN_NOTE_MAX]);
/**
 * The run that a client's request names, with the note sent to him; or NULL with the client refused, also where
 * somebody removed the run's folder by hand.
 */
struct bit_runner *bit_run_names_asked(struct bit_client *c, const char *which, enum bit_run_use use);
/** Whether a run without a job has lost its folder: somebody removed it by hand. */
bool bit_run_names_is_gone(const struct bit_runner *r);

#endif
