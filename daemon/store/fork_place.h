/* A fork's folder: its parent's checkpoint in it, under the same files, and what it is compared with. */
#ifndef BIT_DAEMON_FORK_PLACE_H
#define BIT_DAEMON_FORK_PLACE_H

#include "daemon/run/run.h"

struct bit_fork_origin;
struct bit_runner;

/**
 * Into the folder of a new run without a record: hard links to the files of the checkpoint, so that no byte is copied
 * and what becomes of the parent is no matter; fork.pb; the parent's data.pb, where the token files are its own.
 * Errors      -errno; where the file system has no hard links, in words
 */
int bit_fork_place(const struct bit_fork_origin *o, struct bit_runner *fork);
/** Of a run's folder, before the first record: fork.pb into the run, where there is one. From any thread. -ENOMEM. */
int bit_fork_place_load(const char *dir, struct bit_run *run);

#endif
