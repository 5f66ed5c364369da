/* Priority and --after of a submission: whether they make sense, and which runs are meant. */
#ifndef BIT_DAEMON_AFTER_ASKED_H
#define BIT_DAEMON_AFTER_ASKED_H

#include "daemon/client/connection/client.h"
#include "daemon/sys/argv.h"

/**
 * Check both; out, which is empty, gets the runs by their ids, as the journal has them. Who may
 * give which priority: bit_access_check_priority.
 * Errors      BIT_EUSAGE; BIT_EAUTH; BIT_ENORUN; -ENOMEM; `out` is empty then
 */
int bit_after_asked(const struct bit_client *c, const Bit__SubmitRequest *m, struct bit_argv *out);

#endif
