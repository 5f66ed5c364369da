/* What the specification of a submission names: token files, tasks, and what it begins from. */
#ifndef BIT_DAEMON_SUBMISSION_LOOK_H
#define BIT_DAEMON_SUBMISSION_LOOK_H

struct bit_submission;

/**
 * Look at all of it, so that all that is wrong is told at once, but at nothing after what may not be told; what another
 * user proved is opened. Blocking: on a thread of the submitter.
 * Errors      BIT_EAUTH; -errno; others with s->problems
 */
int bit_submission_look(struct bit_submission *s);

#endif
