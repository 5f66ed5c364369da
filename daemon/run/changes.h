/* What users changed in a run's settings after its submission: at which step, who, and from what to what. */
#ifndef BIT_DAEMON_CHANGES_H
#define BIT_DAEMON_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/spec/schedule.h"

#define BIT_CHANGES_MAX  32 /* remembered: the newest */
#define BIT_CHANGES_TEXT 24

struct bit_change {
    uint64_t event, time_ns; /* of the record that made the change */
    uint64_t step;           /* the last step done without the change */
    bool has_uid;
    uint32_t uid;
    const char *setting; /* its path in the specification; static, or `path` */
    char path[64];
    char was[BIT_CHANGES_TEXT], is[BIT_CHANGES_TEXT]; /* as the specification spells them; "-": none */
};

/* A ring. */
struct bit_changes {
    struct bit_change item[BIT_CHANGES_MAX];
    uint64_t count; /* of all changes so far */
};

/* The present values of the settings that can be changed. */
struct bit_changes_state {
    struct bit_switch_plan plan;
    uint32_t ranks;
    uint64_t steps, cosine_steps;
};

struct bit_changes_state bit_changes_look(const struct bit_switch_plan *plan, const Bit__RunSpec *spec);
/**
 * After applying a record that may have changed them, with the run after `step`: note what it changed.
 * Ownership   *c is NULL at first and allocated at the first change; the caller frees it
 * Errors      -ENOMEM
 */
int bit_changes_note(struct bit_changes **c, const Bit__JournalRecord *record, uint64_t step,
                     const struct bit_changes_state *was, const struct bit_changes_state *is);
/** The same for a RunChanged; was and is: the specification of its first step before and after. */
int bit_changes_note_sets(struct bit_changes **c, const Bit__JournalRecord *record, const Bit__RunSpec *was,
                          const Bit__RunSpec *is);
/** The i-th of the last `count` changes, oldest first. */
const struct bit_change *bit_changes_at(const struct bit_changes *c, size_t count, size_t i);

/** The specification with the switch as it is planned or was done; heap, freed by bit_msg_free. NULL: no memory. */
Bit__RunSpec *bit_changes_effective(const Bit__RunSpec *spec, const struct bit_switch_plan *plan);

#endif
