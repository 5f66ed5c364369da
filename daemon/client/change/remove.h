/* Removes runs, and lists those that `bitctl prune` would remove. */
#ifndef BIT_DAEMON_REMOVE_H
#define BIT_DAEMON_REMOVE_H

#include "daemon/client/connection/client.h"

/** Remove a run that has ended. Refused, unless forced, if a checkpoint is pinned or another run still needs it. */
void bit_remove_asked(struct bit_client *c, const Bit__RemoveRequest *m);
/** List the user's own ended runs that are old enough, and the bytes that each would free; removes nothing. */
void bit_remove_prune(struct bit_client *c, const Bit__PruneRequest *m);

/** The client is gone; its request continues. NULL is fine. */
void bit_remove_forget(struct bit_remove *p);

#endif
