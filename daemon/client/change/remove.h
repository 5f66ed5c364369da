/* Removes runs. */
#ifndef BIT_DAEMON_REMOVE_H
#define BIT_DAEMON_REMOVE_H

#include "daemon/client/connection/client.h"

/** Remove a run that has ended. Refused, unless forced, if a checkpoint is pinned or another run still needs it. */
void bit_remove_asked(struct bit_client *c, const Bit__RemoveRequest *m);

/** The client is gone; its request continues. NULL is fine. */
void bit_remove_forget(struct bit_remove *p);

#endif
