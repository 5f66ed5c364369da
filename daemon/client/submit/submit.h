/* A submission: whatever can be found wrong with a run is found before a client is told that there is one. */
#ifndef BIT_DAEMON_SUBMIT_H
#define BIT_DAEMON_SUBMIT_H

#include "daemon/client/connection/client.h"
#include "daemon/client/submit/submission.h"
#include "proto/text/problems.h"

struct bit_fork_origin;

/**
 * Normalise and check the specification, look at its data, ask bitworker what it takes; then answer a DryRunReply, or
 * make the run and answer a SubmitReply. The same request id answers the run it made the first time.
 */
void bit_submit(struct bit_client *c, const Bit__SubmitRequest *m);
/**
 * The same for a fork, whose specification was made from its parent's. Takes ownership of origin; `notes`, what its
 * changes mean, goes into the reply.
 */
void bit_submit_fork(struct bit_client *c, const Bit__SubmitRequest *m, struct bit_fork_origin *origin,
                     const struct bit_problems *notes);
/** Check a submission as bit_submit does, make no run, and tell `looked`, always once. */
void bit_submit_look(struct bit_client *c, const Bit__SubmitRequest *m, bit_submission_looked *looked, void *arg);
/** Whether this bitd may train for this client at all. Errors: BIT_EAUTH. */
int bit_submit_check_user(const struct bit_client *c);

#endif
