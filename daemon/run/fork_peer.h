/*
 * A run that goes on from a checkpoint of another one: what it is when it begins, and its steps beside those of its
 * parent. Pure.
 */
#ifndef BIT_DAEMON_FORK_PEER_H
#define BIT_DAEMON_FORK_PEER_H

#include "daemon/run/run.h"

#define BIT_FORK_BEFORE (BIT_WINDOW_MAX + 16) /* steps of the parent that the guard's window may reach back to */
#define BIT_FORK_AFTER  32768                 /* and that the fork's are compared with */

/* The parent's steps. */
struct bit_fork_peer {
    struct bit_history steps;
    struct bit_machine *machine; /* that they were done on; owned */
    size_t machine_count;
    struct bit_rerun rerun; /* the comparison */
};

/** Before the first record: the parent's facts, into run->peer. Errors: BIT_ECORRUPT; -ENOMEM. */
int bit_fork_peer_take(struct bit_run *run, const Bit__ForkFacts *facts);
/** The submission of a fork: the run stands where its parent stood. Errors: -ENOMEM. */
int bit_fork_peer_begin(struct bit_run *run, const Bit__ForkOrigin *origin, uint64_t time_ns);
/** A step was done: compare it with the parent's. `on` is what it ran on. */
void bit_fork_peer_step(struct bit_run *run, uint64_t step, const struct bit_fact *is, const struct bit_machine *on);
/** NULL is fine. */
void bit_fork_peer_destroy(struct bit_fork_peer *peer);

#endif
