/* A checkpoint that was written gets its name: on the thread pool, and for the launch that counts alone. */
#ifndef BIT_DAEMON_COMMIT_H
#define BIT_DAEMON_COMMIT_H

#include "proto/bit.pb-c.h"

struct bit_job;

/**
 * The worker says that this checkpoint is on disk. Nothing more is read from it until the folder has its name; then
 * bit_job_committed is told, with error and text in *m if it could not be. *m is copied. Errors: -ENOMEM, libuv's.
 */
int bit_commit_start(struct bit_job *job, const Bit__CheckpointReport *m);

#endif
