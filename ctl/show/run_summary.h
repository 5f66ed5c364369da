/* What a run's events add up to: its curve, its phases, its summary. */
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
    struct bit_loss_point *points; /* by step; a step trained again replaces itself */
    size_t count, capacity;
    struct bit_phase_tally phase[2]; /* 16-bit, ternary; of the steps as last trained */
    uint64_t switch_after;           /* UINT64_MAX while there was none */
    char checkpoint[64];             /* the newest durable one's name */
    Bit__RunState state;
    char reason[256];
    struct bit_evaluations held_out;
};

void bit_run_summary_init(struct bit_run_summary *h);
void bit_run_summary_finish(struct bit_run_summary *h);
/** Take a record in. -ENOMEM. */
int bit_run_summary_add(struct bit_run_summary *h, const Bit__JournalRecord *record);
/** Loss at start, before the switch, at the spike and at the end; tokens/s in each phase; held-out sets; the curve.
 * run_dir may be NULL. */
void bit_run_summary_print(FILE *f, const struct bit_run_summary *h, const char *run_dir);

#endif
