/*
 * What is done about steps that are not as they should be: bounds go into their orders, verdicts into their reports
 * before these are journalled, and what a verdict asks for is done once it is.
 */
#ifndef BIT_DAEMON_GUARD_H
#define BIT_DAEMON_GUARD_H

#include "daemon/run/run.h"
#include "daemon/run/spike.h"
#include "daemon/run/straggler.h"

struct bit_job;

#define BIT_GUARD_NOTES_MAX  8   /* anomalies of one step */
#define BIT_GUARD_MOST_STEPS 100 /* within which guard.most steps may be skipped */

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

/* A report on its way into the journal. */
struct bit_guard_notes {
    Bit__Anomaly item[BIT_GUARD_NOTES_MAX], *list[BIT_GUARD_NOTES_MAX];
    char text[BIT_GUARD_NOTES_MAX][192];
    size_t count;
    Bit__Anomaly **theirs; /* the worker's own, put back afterwards */
    size_t their_count, their_us;
};
/** Put position, link and verdicts into a report, until bit_guard_restore. */
void bit_guard_judge(struct bit_guard *guard, const struct bit_run *run, Bit__StepReport *m,
                     struct bit_guard_notes *notes);
void bit_guard_restore(Bit__StepReport *m, const struct bit_guard_notes *notes);

/** The checkpoint to go back to from step `at`; 0: the beginning. */
uint64_t bit_guard_target(const struct bit_run *run, uint64_t at);
/** Do what the journal says is due: end the run, or go back. Nothing while it is about to leave anyhow. */
void bit_guard_act(struct bit_job *job);
/** Tell how a comparison of steps done again went, if it has come to its end, and end the run if the spec says so. */
void bit_guard_verify(struct bit_job *job);

#endif
