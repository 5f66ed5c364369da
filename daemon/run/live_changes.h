/*
 * What people change of a run while it is there, from a step on: settings, and batches that are left out. Pure.
 *
 * A step that is done again after a restart is done with the settings that it had, so the specification is a function
 * of the step. Specifications that were are kept as long as the run: threads may be reading them.
 */
#ifndef BIT_DAEMON_LIVE_CHANGES_H
#define BIT_DAEMON_LIVE_CHANGES_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_run;
struct bit_problems;

struct bit_live_changes {
    struct bit_span {
        uint64_t until; /* its last step */
        Bit__RunSpec *spec;
    } * span; /* those before the run's own, by `until`, ascending; owned */
    size_t span_count;
    Bit__RunSpec **old; /* that hold of no step any more; owned */
    size_t old_count;
    Bit__RunChanged **edit; /* as they were journalled; owned */
    size_t edit_count;
};

void bit_live_changes_finish(struct bit_live_changes *l);
/** The specification that step `step` is trained with, and whose boundary it is. */
const Bit__RunSpec *bit_run_spec_at(const struct bit_run *run, uint64_t step);
/** Why this field cannot be another while the run is there ("KEY=VALUE" or its key); NULL: it can. */
const char *bit_live_changes_refusal(const char *assignment);
/** Whether every specification that it would change holds by its rules. Errors: BIT_ESPEC with problems; -ENOMEM. */
int bit_live_changes_check(const struct bit_run *run, const Bit__RunChanged *m, struct bit_problems *problems);
/** The specification with its assignments, on the heap. Errors: as above. */
int bit_live_changes_try(const Bit__RunSpec *spec, const Bit__RunChanged *m, struct bit_problems *problems,
                         Bit__RunSpec **out);
/** Errors: BIT_ECORRUPT for what cannot be set; -ENOMEM. */
int bit_live_changes_apply(struct bit_run *run, const Bit__RunChanged *m);

#endif
