/*
 * Which of a journal's records are the run: steps that were done again, or given up by a rewind or a resume, are not.
 * Pure.
 *
 * A record that takes the run back to step t - a step t + 1 that comes again, a rewind, a resume that gives up what
 * came after t - ends all records before it that are of later steps. The run as a fork found it, after step s, is what
 * was not ended before the record of the last step s that the fork's origin names; what became of it then is left out.
 */
#ifndef BIT_CTL_RUN_LINE_H
#define BIT_CTL_RUN_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_run_line {
    struct bit_run_cut {
        uint64_t seq, step; /* from this record on it stood after this step */
    } * cut;                /* in the order of the journal; owned */
    size_t count, room;
    uint64_t last;  /* step of the last record */
    uint64_t until; /* the last step that is asked for */
    uint64_t link;  /* of that step, as a fork's origin has it; 0: any */
    uint64_t end;   /* seq of the record of that step and link; 0: not met, and with `until` UINT64_MAX none is */
};

/** until: UINT64_MAX for the run as it is. */
void bit_run_line_init(struct bit_run_line *l, uint64_t until, uint64_t link);
void bit_run_line_finish(struct bit_run_line *l);
/** Take the next record. -ENOMEM. */
int bit_run_line_note(struct bit_run_line *l, const Bit__JournalRecord *record);
/** After the last: whether a record of this step (of an evaluation: after this step) is part of the run. */
bool bit_run_line_has(const struct bit_run_line *l, uint64_t seq, uint64_t step);

#endif
