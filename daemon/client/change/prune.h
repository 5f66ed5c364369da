/* Lists the runs that `bitctl prune` would remove. */
#ifndef BIT_DAEMON_PRUNE_H
#define BIT_DAEMON_PRUNE_H

#include "daemon/client/connection/client.h"

/** List the user's own ended runs that are old enough, and the bytes that each would free; removes nothing. */
void bit_prune(struct bit_client *c, const Bit__PruneRequest *m);

/** The client is gone; its request continues. NULL is fine. */
void bit_prune_forget(struct bit_prune *p);

#endif
