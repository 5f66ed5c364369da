/* `bitctl fork`: a submission made from another run's specification, which begins from that run's checkpoint. */
#ifndef BIT_DAEMON_FORK_H
#define BIT_DAEMON_FORK_H

#include "daemon/client/connection/client.h"

/** A ForkRequest, which is answered like a submission. */
void bit_fork_asked(struct bit_client *c, const Bit__ForkRequest *m);

#endif
