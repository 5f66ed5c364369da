/* Submissions: everything that can be checked is checked before the client is told that there is a run. */
#ifndef BIT_DAEMON_SUBMIT_H
#define BIT_DAEMON_SUBMIT_H

#include "daemon/client/connection/client.h"
#include "daemon/client/submit/submission.h"
#include "proto/text/problems.h"

struct bit_fork_origin;

/**
 * Normalise and check the specification, check its files, ask bitworker what it takes; then answer with a
 * DryRunReply, or make the run and answer with a SubmitReply. A repeated request id is answered with the run that it
 * made before.
 */
void bit_submit(struct bit_client *c, const Bit__SubmitRequest *m);
/**
 * The same for a fork, whose specification was made from its parent's. Takes ownership of origin. `notes`, the
 * effects of its changes, go into the reply.
 */
void bit_submit_fork(struct bit_client *c, const Bit__SubmitRequest *m, struct bit_fork_origin *origin,
                     const struct bit_problems *notes);
/** Check a submission as bit_submit does, but make no run: `looked` is called, always once. */
void bit_submit_look(struct bit_client *c, const Bit__SubmitRequest *m, bit_submission_looked *looked, void *arg);
/** Whether this bitd may train for this client at all. Errors: BIT_EAUTH. */
int bit_submit_check_user(const struct bit_client *c);

#endif
