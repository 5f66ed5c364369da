/*
 * Steps that are not as they should be: bounds that go into their orders, and what is said of their reports before
 * these are journalled. Pure: what a verdict asks for is done by job/verdicts, once the journal has it.
 */
#ifndef BIT_DAEMON_GUARD_H
#define BIT_DAEMON_GUARD_H

#include "daemon/run/run.h"
#include "daemon/run/spike.h"
#include "daemon/run/straggler.h"

#define BIT_GUARD_ANOMALIES_MAX 8   /* of one step */
#define BIT_GUARD_MOST_STEPS    100 /* within which guard.most steps may be skipped */

/* What a job remembers of its steps. It is known again soon after a restart. */
struct bit_guard {
    struct bit_straggler straggler;
    uint64_t spiking; /* the last step that was above its bounds: only the first of a row is told of */
};
void bit_guard_finish(struct bit_guard *guard);

/** Orders may be so far ahead; a bound must be known when its step is ordered. */
unsigned bit_guard_lookahead(const struct bit_run *run, unsigned lookahead);
/** What a worker must know to skip the step `m` by itself, and whether it compares its copies of the weights. */
void bit_guard_order(const struct bit_run *run, Bit__StepOrder *m);

/* What is journalled of a reported step. */
struct bit_guard_verdict {
    Bit__StepReport report; /* the worker's, with its place in the data, its chain and the anomalies below */
    Bit__Anomaly item[BIT_GUARD_ANOMALIES_MAX], *list[BIT_GUARD_ANOMALIES_MAX];
    char text[BIT_GUARD_ANOMALIES_MAX][192];
    size_t count;
};
/** Judge a report that the run does not hold yet. The verdict borrows from it, and is used while it is there. */
void bit_guard_judge(struct bit_guard *guard, const struct bit_run *run, const Bit__StepReport *m,
                     struct bit_guard_verdict *out);

/** The checkpoint to go back to from step `at`; 0: the beginning. */
uint64_t bit_guard_target(const struct bit_run *run, uint64_t at);

#endif
