/* A new run: its number, its folder and its first record. */
#ifndef BIT_DAEMON_NEW_RUN_H
#define BIT_DAEMON_NEW_RUN_H

#include "proto/bit.pb-c.h"

struct bit_fork_origin;
struct bit_runner;
struct bit_runs;

/**
 * Make a run in the table: its folder, spec.pb and journal with a first record. Takes ownership of spec in every case.
 * asked       its first record, without run, identity and fork, which are filled in here
 * fork        where it begins, if it is a fork; else NULL
 * facts       a folder that may hold data.pb and init.pb of files checked for it; they are copied. Or NULL
 * Errors      BIT_EBUSY if there are too many runs; -errno; the folder is removed then
 */
int bit_new_run_make(struct bit_runs *runs, Bit__RunSpec *spec, const Bit__RunSubmitted *asked,
                     const struct bit_fork_origin *fork, const char *facts, struct bit_runner **out);

#endif
