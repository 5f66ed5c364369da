/* All that a report says of one run: its status and specification, its journal, its checkpoints. */
#ifndef BIT_CTL_RUN_PAST_H
#define BIT_CTL_RUN_PAST_H

#include <stddef.h>
#include <stdint.h>

#include "ctl/client/run_curves.h"
#include "ctl/report/step_times.h"
#include "proto/bit.pb-c.h"

/* Steps with something to tell, of which the record is kept; the others are counted. */
#define BIT_RUN_PAST_STEPS_MAX 200

struct bit_run_past {
    Bit__RunStatus *status;                /* with its specification; owned, as all that follows */
    Bit__CheckpointListReply *checkpoints; /* that there are now */
    struct bit_run_curves curves;          /* of the wishes that run_charts.h has */
    Bit__JournalRecord **record; /* without steps that are as they should be, and without documents of tasks */
    size_t count, room;
    size_t told_steps;                        /* of the records */
    uint64_t untold_steps;                    /* that would have been one, beyond BIT_RUN_PAST_STEPS_MAX */
    struct bit_step_times times[2];           /* 16-bit, ternary */
    uint64_t link_step, link;                 /* the chain after the last step; 0: there is none */
    uint64_t first_ns, last_ns;               /* of the journal */
    uint64_t evaluate_ms, score_ms, stall_ms; /* that evaluations, tasks and checkpoints took */
};

/** Take a record of the journal in, in order. Errors: -ENOMEM */
int bit_run_past_add(struct bit_run_past *p, const Bit__JournalRecord *record);
/** After the last one. */
void bit_run_past_end(struct bit_run_past *p);
void bit_run_past_finish(struct bit_run_past *p);

/** The records of a kind, one after the other: the next one from *at on, or NULL. */
const Bit__JournalRecord *bit_run_past_next(const struct bit_run_past *p, Bit__JournalRecord__WhatCase kind,
                                            size_t *at);
/** The last of a kind, or NULL. */
const Bit__JournalRecord *bit_run_past_last(const struct bit_run_past *p, Bit__JournalRecord__WhatCase kind);

#endif
