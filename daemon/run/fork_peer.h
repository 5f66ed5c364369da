/*
 * A run that begins from a checkpoint of another run: its state at the beginning, and the comparison of its steps with
 * those of its parent. Pure.
 */
#ifndef BIT_DAEMON_FORK_PEER_H
#define BIT_DAEMON_FORK_PEER_H

#include "daemon/run/run.h"

#define BIT_FORK_BEFORE (BIT_WINDOW_MAX + 16) /* steps of the parent before the fork, for the guard's window */
#define BIT_FORK_AFTER  32768                 /* steps of the parent after it, for the comparison */

/* The parent's steps. */
struct bit_fork_peer {
    struct bit_history steps;
    struct bit_machine *machine; /* those that the steps ran on; owned */
    size_t machine_count;
    struct bit_rerun rerun; /* the comparison */
};

/** Before the first record: read the parent's facts into run->peer. Errors: BIT_ECORRUPT; -ENOMEM. */
int bit_fork_peer_take(struct bit_run *run, const Bit__ForkFacts *facts);
/** Apply the submission of a fork: the run starts in the state of its parent. Errors: -ENOMEM. */
int bit_fork_peer_begin(struct bit_run *run, const Bit__ForkOrigin *origin, uint64_t time_ns);
/** A step was done on the machine `on`: compare it with the parent's. */
void bit_fork_peer_step(struct bit_run *run, uint64_t step, const struct bit_fact *is, const struct bit_machine *on);
/** NULL is fine. */
void bit_fork_peer_destroy(struct bit_fork_peer *peer);

#endif
