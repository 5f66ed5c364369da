/* `bitctl fork`: a submission whose specification is another run's, and which begins from that run's checkpoint. */
#ifndef BIT_DAEMON_FORK_H
#define BIT_DAEMON_FORK_H

#include "daemon/client/connection/client.h"

/** A ForkRequest: answered as a submission is. */
void bit_fork_asked(struct bit_client *c, const Bit__ForkRequest *m);

#endif
