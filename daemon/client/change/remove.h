/* Runs that are removed, and which of them `bitctl prune` would remove. */
#ifndef BIT_DAEMON_REMOVE_H
#define BIT_DAEMON_REMOVE_H

#include "daemon/client/connection/client.h"

/** Of a run that has ended. Refused where a pin or another run would miss it, unless forced. */
void bit_remove_asked(struct bit_client *c, const Bit__RemoveRequest *m);
/** The user's own ended runs that are old enough, and what each would free; removes nothing. */
void bit_remove_prune(struct bit_client *c, const Bit__PruneRequest *m);

/** The client is gone; what it asked for goes on. NULL is fine. */
void bit_remove_forget(struct bit_remove *p);

#endif
