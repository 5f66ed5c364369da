/* Carries out what the journal says is due: the run goes back to a checkpoint, or ends. */
#ifndef BIT_DAEMON_VERDICTS_H
#define BIT_DAEMON_VERDICTS_H

struct bit_job;

/** Go back, or end the run, if the last verdict asks for it. Does nothing while the job is about to end anyway. */
void bit_verdicts_act(struct bit_job *job);
/** When a comparison of repeated steps is over: journal its result, and end the run if the specification says so. */
void bit_verdicts_verify(struct bit_job *job);

#endif
