/* The data of a report on one run: its status and specification, its journal, its checkpoints. */
#ifndef BIT_CTL_RUN_PAST_H
#define BIT_CTL_RUN_PAST_H

#include <stddef.h>
#include <stdint.h>

#include "ctl/client/run_curves.h"
#include "ctl/report/step_times.h"
#include "proto/bit.pb-c.h"

/* How many records of steps with an anomaly are kept; further ones are only counted. */
#define BIT_RUN_PAST_STEPS_MAX 200

struct bit_run_past {
    Bit__RunStatus *status;                /* with its specification; owned, as is everything below */
    Bit__CheckpointListReply *checkpoints; /* those that exist now */
    struct bit_run_curves curves;          /* for the wishes of run_charts.h */
    Bit__JournalRecord **record;           /* without ordinary steps, and without single documents of tasks */
    size_t count, room;
    size_t told_steps;                        /* steps among the records */
    uint64_t untold_steps;                    /* steps beyond BIT_RUN_PAST_STEPS_MAX, which were not kept */
    struct bit_step_times times[2];           /* 16-bit, ternary */
    uint64_t link_step, link;                 /* the chain after the last step; link_step 0: there is none */
    uint64_t first_ns, last_ns;               /* first and last time in the journal */
    uint64_t evaluate_ms, score_ms, stall_ms; /* time spent on evaluations, tasks and checkpoints */
};

/** Add a record of the journal; records come in order. Errors: -ENOMEM */
int bit_run_past_add(struct bit_run_past *p, const Bit__JournalRecord *record);
/** To be called after the last record. */
void bit_run_past_end(struct bit_run_past *p);
void bit_run_past_finish(struct bit_run_past *p);

/** The next record of a kind at index *at or later, or NULL; *at is moved past it. */
const Bit__JournalRecord *bit_run_past_next(const struct bit_run_past *p, Bit__JournalRecord__WhatCase kind,
                                            size_t *at);
/** The last record of a kind, or NULL. */
const Bit__JournalRecord *bit_run_past_last(const struct bit_run_past *p, Bit__JournalRecord__WhatCase kind);

#endif
