/* The records of steps, and of what makes steps again: run.c's other half. Pure, as that is. */
#ifndef BIT_DAEMON_RUN_STEPS_H
#define BIT_DAEMON_RUN_STEPS_H

#include "daemon/run/run.h"

/* Errors of all: -ENOMEM; BIT_ECORRUPT for what cannot follow. */
int bit_run_apply_ready(struct bit_run *run, const Bit__WorkerReady *m);
int bit_run_apply_step(struct bit_run *run, const Bit__StepReport *m, uint64_t time_ns);
int bit_run_apply_verified(struct bit_run *run, const Bit__ResumeVerified *m);
int bit_run_apply_rewound(struct bit_run *run, const Bit__Rewound *m);
/** Of a resume, what it makes of the steps. */
int bit_run_apply_resumed_steps(struct bit_run *run, const Bit__RunResumed *m);

/** The facts of a step that is about to be journalled, its link included. */
void bit_run_next_fact(const struct bit_run *run, const Bit__StepReport *m, struct bit_fact *out);
/** Steps without an update among the last `steps` up to the run's. */
unsigned bit_run_skipped_within(const struct bit_run *run, uint64_t steps);

#endif
