/* Which run is meant: an id, "@last", or a name, which several runs may have. */
#ifndef BIT_DAEMON_RUN_NAMES_H
#define BIT_DAEMON_RUN_NAMES_H

#include <stdint.h>

struct bit_client;
struct bit_runs;
struct bit_runner;

/**
 * An id is one run's. A name, and "@last", are looked for first among the runs of the user who asks, so that no other
 * user can turn his command to a run of theirs by its name. Among his own, a run that has not ended goes before those
 * that have, then the newest; two that have not ended are ambiguous. "@last" is the newest, whatever its state.
 * Errors      BIT_ENORUN; BIT_EUSAGE if several are meant, with their ids, owners and states
 */
int bit_run_names_find(const struct bit_runs *runs, const char *which, uint32_t uid, struct bit_runner **out);
/** The run that a client's request names, or NULL with the client refused. */
struct bit_runner *bit_run_names_asked(struct bit_client *c, const char *which);

#endif
