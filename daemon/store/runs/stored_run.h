/* A run as its folder has it: spec.pb, fork.pb and the journal, read from any thread. */
#ifndef BIT_DAEMON_STORED_RUN_H
#define BIT_DAEMON_STORED_RUN_H

#include <stdint.h>

#include "daemon/run/run.h"
#include "proto/bit.pb-c.h"

/** Read spec.pb in folder `dir`; fields that later versions added are set. Errors: -errno; BIT_ECORRUPT. */
int bit_stored_run_spec(const char *dir, Bit__RunSpec **out);
/** Before a run's first record: read fork.pb of its folder, if there is one, into the run. Errors: -ENOMEM. */
int bit_stored_run_fork(const char *dir, struct bit_run *run);
/**
 * The run of this folder before its first record: its specification and, for a fork, its parent's steps. `out` is
 * uninitialised (bit_run_finish). Errors: -errno, -ENOMEM; BIT_ECORRUPT if its specification cannot be read.
 */
int bit_stored_run_begin(const char *dir, uint64_t number, struct bit_run *out);
/**
 * The run of this folder after the first journal_bytes bytes of its journal, with the results of its steps. `out` is
 * uninitialised (bit_run_finish). Errors: as bit_stored_run_begin.
 */
int bit_stored_run_replay(const char *dir, uint64_t number, uint64_t journal_bytes, struct bit_run *out);

#endif
