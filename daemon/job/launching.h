/* One launch of a job: what is left of the last one goes, nodes, a checkpoint, and the launcher. */
#ifndef BIT_DAEMON_LAUNCHING_H
#define BIT_DAEMON_LAUNCHING_H

struct bit_job;

/** Begin one. The job's phase is CHOOSING until the launcher is started; what fails on the way ends the job. */
void bit_launching_begin(struct bit_job *job);
/** Take over the launcher and the secret that a bitd before this one left. Errors: -ESRCH if it is gone; -errno. */
int bit_launching_adopt(struct bit_job *job);

#endif
