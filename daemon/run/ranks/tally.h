/*
 * Which ranks of a launch reported that they are done, and with what. Pure. A run is complete when every rank reported
 * the same for the step at which it was told to stop. Repeated reports count once; contradictory ones are refused.
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
    uint32_t last;  /* the rank that reported last: all reports of a step agree, so one of them stands for all */
    uint32_t same;  /* how many ranks reported the same step and reason as `last` */
    uint32_t first; /* all ranks below this one are among them */
};

/** Begin without reports, and free what was there before. Errors: -ENOMEM. finish accepts a zeroed tally, too. */
int bit_tally_begin(struct bit_tally *t, uint32_t ranks);
void bit_tally_finish(struct bit_tally *t);
/** A step was done: earlier reports answer an order that no longer counts. */
void bit_tally_forget(struct bit_tally *t);
/**
 * Rank `rank` reported m, which replaces its earlier report. Returns 1, or 0 if that changes nothing.
 * Errors      BIT_EWORKER if m names another rank or number of ranks; BIT_EREPLICA if the digests differ from what this
 *             or another rank reported for the same step. m is not recorded then.
 */
int bit_tally_note(struct bit_tally *t, uint32_t rank, const Bit__WorkerDone *m);
/** How many ranks have not reported this step and reason, and the first of them. */
uint32_t bit_tally_missing(const struct bit_tally *t, uint64_t step, Bit__StopReason reason, uint32_t *first);
/** "rank 1 of 4 did not report that it has finished", "ranks 1, 3 of 4 have not …"; only a few are listed. */
void bit_tally_describe(const struct bit_tally *t, uint64_t step, Bit__StopReason reason, char *text, size_t room);

#endif
