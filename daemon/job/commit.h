/* Gives a written checkpoint its name: on the thread pool, and only for the present launch. */
#ifndef BIT_DAEMON_COMMIT_H
#define BIT_DAEMON_COMMIT_H

#include "proto/bit.pb-c.h"

struct bit_runner;

/** Called with the report; its error and text are set if the folder could not be named. */
typedef void bit_committed(void *arg, const Bit__CheckpointReport *m);
/**
 * The worker reports that this checkpoint is on disk: name its folder, then call committed from the loop. Until then,
 * nothing more may be read from the worker. *m is copied.
 * Errors      -ENOMEM, libuv's
 */
int bit_commit_start(const struct bit_runner *r, const Bit__CheckpointReport *m, bit_committed *committed, void *arg);

#endif
