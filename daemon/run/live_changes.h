/*
 * What users change in a run that has begun, from a step on: settings, and batches that are left out. Pure.
 *
 * A step that is repeated after a restart must have the settings that it had, so the specification is a function of the
 * step. Replaced specifications are kept as long as the run, because threads may still be reading them.
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
    } * span; /* earlier steps' specifications, before run->spec; ascending by `until`; owned */
    size_t span_count;
    Bit__RunSpec **old; /* replaced: they hold for no step any more; owned */
    size_t old_count;
    Bit__RunChanged **edit; /* as journalled; owned */
    size_t edit_count;
};

void bit_live_changes_finish(struct bit_live_changes *l);
/** The specification that holds for step `step` and for the boundary after it. */
const Bit__RunSpec *bit_run_spec_at(const struct bit_run *run, uint64_t step);
/** Why this field ("KEY=VALUE" or its key) cannot be changed while the run exists; NULL: it can. */
const char *bit_live_changes_refusal(const char *assignment);
/** Whether every specification that `m` changes stays valid. Errors: BIT_ESPEC with problems; -ENOMEM. */
int bit_live_changes_check(const struct bit_run *run, const Bit__RunChanged *m, struct bit_problems *problems);
/** A copy of the specification with m's assignments applied, on the heap. Errors: as above. */
int bit_live_changes_try(const Bit__RunSpec *spec, const Bit__RunChanged *m, struct bit_problems *problems,
                         Bit__RunSpec **out);
/** Errors: BIT_ECORRUPT if an assignment cannot be applied; -ENOMEM. */
int bit_live_changes_apply(struct bit_run *run, const Bit__RunChanged *m);

#endif
