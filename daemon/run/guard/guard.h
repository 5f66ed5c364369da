/*
 * The guard against bad steps: the bounds that go into step orders, and the verdict on each report before it is
 * journalled. Pure: job/verdicts carries a verdict out, once it is in the journal.
 */
#ifndef BIT_DAEMON_GUARD_H
#define BIT_DAEMON_GUARD_H

#include "daemon/run/guard/spike.h"
#include "daemon/run/ranks/straggler.h"
#include "daemon/run/run.h"

#define BIT_GUARD_ANOMALIES_MAX 8   /* of one step */
#define BIT_GUARD_MOST_STEPS    100 /* window within which at most guard.most steps may be skipped */

/* What a job remembers of its steps. Not journalled; it is rebuilt within some steps after a restart. */
struct bit_guard {
    struct bit_straggler straggler;
    uint64_t
        spiking; /* the last step above its bounds; only the first of consecutive ones is reported, unless acted on */
};
void bit_guard_finish(struct bit_guard *guard);

/** How many steps may be ordered ahead: fewer where spikes are skipped, as the bounds must be known when ordering. */
unsigned bit_guard_lookahead(const struct bit_run *run, unsigned lookahead);
/** Set in `m` what a worker needs to skip the step by itself, and whether it compares its copies of the weights. */
void bit_guard_order(const struct bit_run *run, Bit__StepOrder *m);

/* What is journalled for a reported step. */
struct bit_guard_verdict {
    Bit__StepReport report; /* the worker's, with its place in the data, its chain and the anomalies below */
    Bit__Anomaly item[BIT_GUARD_ANOMALIES_MAX], *list[BIT_GUARD_ANOMALIES_MAX];
    char text[BIT_GUARD_ANOMALIES_MAX][192];
    size_t count;
};
/** Judge a report that is not applied to the run yet. The verdict borrows from `m`. */
void bit_guard_judge(struct bit_guard *guard, const struct bit_run *run, const Bit__StepReport *m,
                     struct bit_guard_verdict *out);

/** The step of the checkpoint to go back to from step `at`; 0: the beginning. */
uint64_t bit_guard_target(const struct bit_run *run, uint64_t at);

#endif
