/*
 * Which of a journal's records belong to the run: steps that were done again, or given up by a rewind or a resume, do
 * not. Pure.
 *
 * Three records take the run back to step t: a step t + 1 that comes again, a rewind, and a resume that gives up what
 * came after t. Each drops all records before it of later steps. For a fork after step s the run ends at the record of
 * step s that the fork's origin names: records that were dropped later count, and what happened later is left out.
 */
#ifndef BIT_CTL_RUN_LINE_H
#define BIT_CTL_RUN_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_run_line {
    struct bit_run_cut {
        uint64_t seq, step; /* at this record the run went back to this step */
    } * cut;                /* in the order of the journal; owned */
    size_t count, room;
    uint64_t last;  /* step of the last record */
    uint64_t until; /* the last step that is asked for */
    uint64_t link;  /* the link of that step, as a fork's origin has it; 0: any */
    uint64_t end;   /* seq of the record of that step and link; 0: not found, or until is UINT64_MAX */
};

/** until: UINT64_MAX for the whole run as it is now. */
void bit_run_line_init(struct bit_run_line *l, uint64_t until, uint64_t link);
void bit_run_line_finish(struct bit_run_line *l);
/** Take the next record. -ENOMEM. */
int bit_run_line_note(struct bit_run_line *l, const Bit__JournalRecord *record);
/** After the last record: whether a record of this step (an evaluation: after this step) belongs to the run. */
bool bit_run_line_has(const struct bit_run_line *l, uint64_t seq, uint64_t step);

#endif
