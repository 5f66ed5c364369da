/* What the journal says is due is done: the run goes back to a checkpoint, or ends. */
#ifndef BIT_DAEMON_VERDICTS_H
#define BIT_DAEMON_VERDICTS_H

struct bit_job;

/** Go back, or end the run, if the last verdict asks for it. Nothing while the job is about to leave anyhow. */
void bit_verdicts_act(struct bit_job *job);
/** Once a comparison of steps done again is over: journal how it went, and end the run if the spec says so. */
void bit_verdicts_verify(struct bit_job *job);

#endif
