/*
 * Whose times a step's report has. Up to BIT_RANKS_TOLD_MAX ranks everybody's; of more a report would outgrow what the
 * daemon takes, so that it has a choice: who stands at the quartiles of the ranks' own work, and who is slowest.
 */
#ifndef BIT_WORKER_RANKS_TOLD_H
#define BIT_WORKER_RANKS_TOLD_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/limits.h"
#include "worker/process/sections.h"

#define BIT_RANKS_TOLD_ROWS (BIT_RANKS_QUANTILES + BIT_RANKS_SLOWEST)

/* The choice of one step. */
struct bit_ranks_told {
    struct bit_rank_work {
        uint64_t us; /* of its own: all but waiting for others */
        uint32_t rank;
    } * order; /* (ranks), where a choice is made: NULL otherwise; owned */
    uint32_t rank[BIT_RANKS_TOLD_ROWS], us[BIT_RANKS_TOLD_ROWS * BIT_SECTION_SPLIT];
};

/** Allocates for so many ranks. Errors: -ENOMEM. finish takes a zeroed one. */
int bit_ranks_told_init(struct bit_ranks_told *told, uint32_t ranks);
void bit_ranks_told_finish(struct bit_ranks_told *told);
/** Puts into the report what it has of `us`, six numbers a rank, which it borrows together with `told`. */
void bit_ranks_told_fill(struct bit_ranks_told *told, uint32_t *us, uint32_t ranks, Bit__StepReport *msg);

#endif
