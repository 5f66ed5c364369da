/* Applies the records of steps, and those that make the run repeat steps. Pure. */
#ifndef BIT_DAEMON_RUN_STEPS_H
#define BIT_DAEMON_RUN_STEPS_H

#include "daemon/run/run.h"

/* Errors of all: -ENOMEM; BIT_ECORRUPT if the record cannot follow. */
int bit_run_apply_ready(struct bit_run *run, const Bit__WorkerReady *m);
int bit_run_apply_step(struct bit_run *run, const Bit__StepReport *m, uint64_t time_ns);
int bit_run_apply_verified(struct bit_run *run, const Bit__ResumeVerified *m);
int bit_run_apply_rewound(struct bit_run *run, const Bit__Rewound *m);
/** What a resume changes about steps. */
int bit_run_apply_resumed_steps(struct bit_run *run, const Bit__RunResumed *m);

/** The facts of a step that is about to be journalled, including its link of the chain. */
void bit_run_next_fact(const struct bit_run *run, const Bit__StepReport *m, struct bit_fact *out);
/** How many of the last `steps` steps were skipped. */
unsigned bit_run_skipped_within(const struct bit_run *run, uint64_t steps);

#endif
