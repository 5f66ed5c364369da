/* Taking a run in: everything that can be known to be wrong is found before it is promised. */
#ifndef BIT_DAEMON_SUBMIT_H
#define BIT_DAEMON_SUBMIT_H

#include "daemon/client/client.h"

/**
 * Normalise and check the specification, look at its data, ask bitworker what it takes; then answer a DryRunReply, or
 * make the run and answer a SubmitReply. The same request id answers the run it made the first time.
 */
void bit_submit(struct bit_client *c, const Bit__SubmitRequest *m);
/** The client is gone: nobody is answered, and nothing is made that it was not told of. NULL is fine. */
void bit_submission_forget(struct bit_submission *s);

#endif
