/* Checks the files that the specification of a submission names: token files, tasks, and what it begins from. */
#ifndef BIT_DAEMON_SUBMISSION_LOOK_H
#define BIT_DAEMON_SUBMISSION_LOOK_H

struct bit_submission;

/**
 * Check everything, so that all problems are reported at once, but stop at BIT_EAUTH, so that nothing is revealed about
 * files that the submitter may not read. Open what another user proved. Blocks: call it on the submitter's thread.
 * Errors      BIT_EAUTH; -errno; others with s->problems
 */
int bit_submission_look(struct bit_submission *s);

#endif
