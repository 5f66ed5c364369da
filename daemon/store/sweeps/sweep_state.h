/*
 * One sweep: its plan, its progress, and its runs. STATE/sweeps/sN holds sweep.pb, which is written once, and state.pb,
 * which is replaced as a whole before a change is reported. A run's first journal record names its branch, so that a
 * bitd that was killed before writing a run to state.pb does not make it twice. Of a removed sweep, the folder holds
 * removed.REQUEST: the answer to the request that removed it, for a client that asks again because bitd was killed.
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
    char id[BIT_RUN_ID_MAX]; /* "s1"; empty for a dry run */
    uint64_t number;
    char *dir;
    Bit__SweepPlanned *plan;
    Bit__SweepProgress *progress;
    bool making;                  /* the thread pool is reading a fork's origin */
    uint64_t again_ms;            /* loop time before which no fork's origin is read */
    char waits[BIT_ERR_TEXT_MAX]; /* why the next run cannot be made yet, for people; empty: no reason */
};

/** Takes ownership of both in every case. NULL: no memory. */
struct bit_sweep *bit_sweep_state_create(Bit__SweepPlanned *plan, Bit__SweepProgress *progress);
/** NULL is fine. */
void bit_sweep_state_destroy(struct bit_sweep *s);

/** Write both files into its folder, which exists: from then on it is a sweep. Errors: -errno. */
int bit_sweep_state_write(const struct bit_sweep *s);
/** Read it. Errors: BIT_ECORRUPT, -errno, -ENOMEM. */
int bit_sweep_state_read(const char *dir, uint64_t number, struct bit_sweep **out);
/** Replace state.pb. Errors: -errno. */
int bit_sweep_state_keep(const struct bit_sweep *s);
/** Write the answer to the request that removes the sweep; its id may be part of a file's name. Errors: -errno. */
int bit_sweep_state_write_answer(const struct bit_sweep *s, const char *request_id, const Bit__SweepReply *answer);
/** Read it from the folder of a sweep that was removed; *out is the caller's. Errors: -ENOENT, BIT_ECORRUPT, -errno. */
int bit_sweep_state_read_answer(const char *dir, const char *request_id, Bit__SweepReply **out);
/** Add an event, written to state.pb by the next bit_sweep_state_keep, and log it now. branch: an index, or -1. */
void bit_sweep_state_tell(struct bit_sweep *s, int branch, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** Note its runs that are not in state.pb yet. Errors: -ENOMEM. */
int bit_sweep_state_find_runs(struct bit_sweep *s, const struct bit_runs *runs);
/** The run of a branch, or NULL if it is not made yet or was removed. */
struct bit_runner *bit_sweep_state_run(const struct bit_sweep *s, const struct bit_runs *runs, size_t branch);
/** Whether the branch's run was made, whatever became of it, or never will be. */
bool bit_sweep_state_is_settled(const struct bit_sweep *s, size_t branch);
/** Whether the branch begins at step 1. */
bool bit_sweep_state_is_root(const struct bit_sweep *s, size_t branch);

#endif
