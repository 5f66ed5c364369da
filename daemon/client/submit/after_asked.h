/* Checks priority and --after of a submission, and finds the runs that --after names. */
#ifndef BIT_DAEMON_AFTER_ASKED_H
#define BIT_DAEMON_AFTER_ASKED_H

#include "daemon/client/connection/client.h"
#include "daemon/sys/lists/argv.h"

/**
 * Check both; `out`, which is empty, gets the runs by their ids, in the form of the journal. The right to a priority is
 * checked by bit_access_check_priority.
 * Errors      BIT_EUSAGE; BIT_EAUTH; BIT_ENORUN; -ENOMEM; `out` is empty then
 */
int bit_after_asked(const struct bit_client *c, const Bit__SubmitRequest *m, struct bit_argv *out);

#endif
