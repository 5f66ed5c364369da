/* A fork's folder: the parent's checkpoint as hard links, and the parent's facts for the comparison. */
#ifndef BIT_DAEMON_FORK_PLACE_H
#define BIT_DAEMON_FORK_PLACE_H

#include "daemon/run/run.h"

struct bit_fork_origin;
struct bit_runner;

/**
 * Fill the folder of a new run that has no record yet: hard links to the checkpoint's files, so that no byte is copied
 * and nothing depends on the parent any more; fork.pb; and the parent's data.pb, if the fork reads the same token
 * files.
 * Errors      -errno; if the file system has no hard links, the text says so
 */
int bit_fork_place(const struct bit_fork_origin *o, struct bit_runner *fork);
/** Before a run's first record: read fork.pb of its folder, if there is one, into the run. From any thread. -ENOMEM. */
int bit_fork_place_load(const char *dir, struct bit_run *run);

#endif
