/* `bitctl set` and `bitctl skip`: settings changed from a step on, and batches left out. */
#ifndef BIT_DAEMON_LIVE_CHANGE_H
#define BIT_DAEMON_LIVE_CHANGE_H

#include "daemon/client/connection/client.h"

void bit_live_change_asked(struct bit_client *c, const Bit__ChangeRequest *m);

#endif
