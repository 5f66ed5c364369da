/* The place of a run in the queue, changed after its submission. */
#ifndef BIT_DAEMON_PRIORITY_H
#define BIT_DAEMON_PRIORITY_H

#include "daemon/client/connection/client.h"

/** A PriorityRequest, of a run that has not ended; answered once it is journalled. */
void bit_priority_asked(struct bit_client *c, const Bit__PriorityRequest *m);

#endif
