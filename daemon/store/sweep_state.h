/*
 * One sweep: what was planned, how far it is, and its runs. In STATE/sweeps/sN lie sweep.pb, which is written once, and
 * state.pb, which is replaced whole before anybody is told of a change. Which branch a run is stands in the first
 * record of its journal, so that a bitd that is killed before state.pb knows of a run makes none twice.
 */
#ifndef BIT_DAEMON_SWEEP_STATE_H
#define BIT_DAEMON_SWEEP_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/limits.h"

struct bit_runner;
struct bit_runs;

struct bit_sweep {
    char id[BIT_RUN_ID_MAX]; /* "s1"; of a dry run empty */
    uint64_t number;
    char *dir;
    Bit__SweepPlanned *plan;
    Bit__SweepProgress *progress;
    bool making;                  /* where a fork begins is being read on the pool */
    uint64_t again_ms;            /* of the loop: none is read before that */
    char waits[BIT_ERR_TEXT_MAX]; /* why the next run cannot be made yet, for people; empty: nothing keeps it */
};

/** Takes ownership of both in every case. NULL: no memory. */
struct bit_sweep *bit_sweep_state_create(Bit__SweepPlanned *plan, Bit__SweepProgress *progress);
/** NULL is fine. */
void bit_sweep_state_destroy(struct bit_sweep *s);

/** Write what it is, into its folder, which is there: from then on it is a sweep. Errors: -errno. */
int bit_sweep_state_write(const struct bit_sweep *s);
/** Read it. Errors: BIT_ECORRUPT, -errno, -ENOMEM. */
int bit_sweep_state_read(const char *dir, uint64_t number, struct bit_sweep **out);
/** Replace state.pb. Errors: -errno. */
int bit_sweep_state_keep(const struct bit_sweep *s);
/** Note what happened, in state.pb with the next bit_sweep_state_keep, and in the log now. branch: an index, or -1. */
void bit_sweep_state_tell(struct bit_sweep *s, int branch, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** Note the runs that were made of it and are not in state.pb yet. Errors: -ENOMEM. */
int bit_sweep_state_find_runs(struct bit_sweep *s, const struct bit_runs *runs);
/** The run of a branch, or NULL: not there yet, or removed. */
struct bit_runner *bit_sweep_state_run(const struct bit_sweep *s, const struct bit_runs *runs, size_t branch);
/** Whether it was made, whatever became of it; or never will be. */
bool bit_sweep_state_is_settled(const struct bit_sweep *s, size_t branch);
/** Whether the branch begins at step 1. */
bool bit_sweep_state_is_root(const struct bit_sweep *s, size_t branch);

#endif
