/* A submission: whatever can be found wrong with a run is found before a client is told that there is one. */
#ifndef BIT_DAEMON_SUBMIT_H
#define BIT_DAEMON_SUBMIT_H

#include "daemon/client/client.h"
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
/** The client is gone: no answer is sent, and no run is made. NULL is fine. */
void bit_submission_forget(struct bit_submission *s);

#endif
