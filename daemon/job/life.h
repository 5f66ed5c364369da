/* The life of a job: it takes a slot, is launched again after each loss, and gives the slot back. */
#ifndef BIT_DAEMON_LIFE_H
#define BIT_DAEMON_LIFE_H

struct bit_jobs;
struct bit_runner;

/** Take a slot for a queued run and begin: choose a checkpoint, launch. Errors: -ENOMEM. */
int bit_life_start(const struct bit_jobs *jobs, struct bit_runner *r);
/** After a restart of bitd: continue with processes that may or may not still exist. Errors: -ENOMEM. */
int bit_life_resume(const struct bit_jobs *jobs, struct bit_runner *r);

#endif
