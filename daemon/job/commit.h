/* A checkpoint that was written gets its name: on the thread pool, and for the launch that counts alone. */
#ifndef BIT_DAEMON_COMMIT_H
#define BIT_DAEMON_COMMIT_H

#include "proto/bit.pb-c.h"

struct bit_runner;

/** The report, with error and text if the folder could not be given its name. */
typedef void bit_committed(void *arg, const Bit__CheckpointReport *m);
/**
 * The worker says that this checkpoint is on disk: give its folder its name, then call committed from the loop. Nothing
 * more is to be read from the worker until then. *m is copied.
 * Errors      -ENOMEM, libuv's
 */
int bit_commit_start(const struct bit_runner *r, const Bit__CheckpointReport *m, bit_committed *committed, void *arg);

#endif
