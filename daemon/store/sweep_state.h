/*
 * One sweep: what was planned, how far it is, and its runs. Which runs a sweep
 * has is in their own journals.
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
    Bit__SweepPlanned *plan;
    Bit__SweepProgress *progress;
};

/** Takes ownership of both in every case. NULL: no memory. */
struct bit_sweep *bit_sweep_state_create(Bit__SweepPlanned *plan, Bit__SweepProgress *progress);
/** NULL is fine. */
void bit_sweep_state_destroy(struct bit_sweep *s);

/** The run of a branch, or NULL: not there yet, or removed. */
struct bit_runner *bit_sweep_state_run(const struct bit_sweep *s, const struct bit_runs *runs, size_t branch);
/** Whether the branch begins at step 1. */
bool bit_sweep_state_is_root(const struct bit_sweep *s, size_t branch);

#endif
