/* Totals of a run, counted from its journal. Work that is repeated counts again, so no total ever falls. */
#ifndef BIT_DAEMON_TOTALS_H
#define BIT_DAEMON_TOTALS_H

#include <stdint.h>

#include "proto/bit.pb-c.h"

#define BIT_TOTALS_SECTIONS  6 /* of bit.proto's TimeSplit, in its order */
#define BIT_TOTALS_ANOMALIES 8 /* above every AnomalyKind */

struct bit_totals {
    uint64_t steps, tokens, skipped;
    double section_ms[BIT_TOTALS_SECTIONS];
    uint64_t anomalies[BIT_TOTALS_ANOMALIES]; /* by AnomalyKind */
    uint64_t checkpoints, checkpoint_failures;
    double checkpoint_ms, stall_ms;           /* of all durable ones; how long training stood still for them */
    double last_checkpoint_ms, last_stall_ms; /* of the newest */
    uint64_t evaluations;                     /* of a held-out set, or of a part of a task's documents */
    double evaluation_ms;
};

/** Count one more record of the journal; most kinds do not count. */
void bit_totals_note(struct bit_totals *t, const Bit__JournalRecord *record);

#endif
