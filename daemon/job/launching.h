/* One launch of a job: remove what the last one left, get nodes, choose a checkpoint, start the launcher. */
#ifndef BIT_DAEMON_LAUNCHING_H
#define BIT_DAEMON_LAUNCHING_H

struct bit_job;

/** Begin a launch. The job's phase is CHOOSING until the launcher is started; a failure on the way ends the job. */
void bit_launching_begin(struct bit_job *job);
/** Take over the launcher and the secret of an earlier bitd. Errors: -ESRCH if the launcher is gone; -errno. */
int bit_launching_adopt(struct bit_job *job);

#endif
