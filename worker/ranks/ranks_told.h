/*
 * Chooses the ranks whose times a step's report contains. Up to BIT_RANKS_TOLD_MAX ranks all of them; with more, the
 * report would exceed what the daemon accepts, so it has the ranks at the quartiles of the ranks' own work, and the
 * slowest ones.
 */
#ifndef BIT_WORKER_RANKS_TOLD_H
#define BIT_WORKER_RANKS_TOLD_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/limits.h"
#include "worker/process/sections.h"

#define BIT_RANKS_TOLD_ROWS (BIT_RANKS_QUANTILES + BIT_RANKS_SLOWEST)

/* The ranks chosen in one step. */
struct bit_ranks_told {
    struct bit_rank_work {
        uint64_t us; /* the rank's own work: without communication and waiting */
        uint32_t rank;
    } * order; /* (ranks), if a choice is needed; NULL otherwise; owned */
    uint32_t rank[BIT_RANKS_TOLD_ROWS], us[BIT_RANKS_TOLD_ROWS * BIT_SECTION_SPLIT];
};

/** Allocates for so many ranks. Errors: -ENOMEM. finish takes a zeroed struct too. */
int bit_ranks_told_init(struct bit_ranks_told *told, uint32_t ranks);
void bit_ranks_told_finish(struct bit_ranks_told *told);
/** Put the chosen part of `us`, six numbers per rank, into the report, which borrows it and `told`. */
void bit_ranks_told_fill(struct bit_ranks_told *told, uint32_t *us, uint32_t ranks, Bit__StepReport *msg);

#endif
