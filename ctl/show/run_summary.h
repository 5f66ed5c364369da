/* Sums up a run's journal: its loss curve, its speed in each phase, its held-out losses. */
#ifndef BIT_CTL_RUN_SUMMARY_H
#define BIT_CTL_RUN_SUMMARY_H

#include <stdbool.h>
#include <stdio.h>

#include "ctl/show/curve.h"
#include "proto/bit.pb-c.h"
#include "proto/evaluations.h"

struct bit_phase_tally {
    uint64_t steps, tokens;
    double ms;
};

struct bit_run_summary {
    struct bit_loss_point *points; /* by step; a step that is trained again replaces the earlier one */
    size_t count, capacity;
    struct bit_phase_tally phase[2]; /* 16-bit, ternary; every time a step was trained counts */
    uint64_t switch_after;           /* UINT64_MAX: not switched */
    char checkpoint[64];             /* name of the newest durable one */
    Bit__RunState state;
    char reason[256];
    struct bit_evaluations held_out;
};

void bit_run_summary_init(struct bit_run_summary *h);
void bit_run_summary_finish(struct bit_run_summary *h);
/** Take the next record. -ENOMEM. */
int bit_run_summary_add(struct bit_run_summary *h, const Bit__JournalRecord *record);
/**
 * Print the curve; the loss at start, before the switch, at the spike and at the end; tokens/s in each phase; held-out
 * sets. run_dir may be NULL.
 */
void bit_run_summary_print(FILE *f, const struct bit_run_summary *h, const char *run_dir);

#endif
