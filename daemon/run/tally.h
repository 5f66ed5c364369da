/*
 * Which ranks of a launch said that they are done, and with what. Pure: a run is complete when every rank said the same
 * of the step at which it was told to stop. What is said twice counts once; what differs is refused.
 */
#ifndef BIT_DAEMON_TALLY_H
#define BIT_DAEMON_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_tally_rank {
    bool said;
    Bit__StopReason reason;
    uint64_t step, weights_digest, phase_digest;
};

struct bit_tally {
    struct bit_tally_rank *rank;
    uint32_t ranks;
    uint32_t last;  /* who spoke last: all that said the same step agree, so one of them stands for them */
    uint32_t same;  /* how many said what it said, of that step and for that reason */
    uint32_t first; /* all ranks before this one are among them */
};

/** Nobody said anything; what was there before is freed. Errors: -ENOMEM. finish takes a zeroed tally too. */
int bit_tally_begin(struct bit_tally *t, uint32_t ranks);
void bit_tally_finish(struct bit_tally *t);
/** A step was done: what was said before it is of an order that counts no longer. */
void bit_tally_forget(struct bit_tally *t);
/**
 * Rank `rank` said it. The last word of a rank counts. Returns 1, or 0 where nothing is new.
 * Errors      BIT_EWORKER if it is another rank's or of another number of ranks; BIT_EREPLICA if the digests are not
 * those that it, or another rank, said of the same step. Nothing is taken then.
 */
int bit_tally_note(struct bit_tally *t, uint32_t rank, const Bit__WorkerDone *m);
/** How many ranks have not said this of this step, and the first of them. */
uint32_t bit_tally_missing(const struct bit_tally *t, uint64_t step, Bit__StopReason reason, uint32_t *first);
/** "rank 1 of 4 has not said that it is done", "ranks 1, 3 of 4 have not …"; a few by number. */
void bit_tally_describe(const struct bit_tally *t, uint64_t step, Bit__StopReason reason, char *text, size_t room);

#endif
