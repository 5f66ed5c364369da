/* Which checkpoints people keep and which they remove: pins, and removals by hand. */
#ifndef BIT_DAEMON_PIN_H
#define BIT_DAEMON_PIN_H

#include "daemon/client/connection/client.h"

struct bit_runner;

void bit_pin_asked(struct bit_client *c, const Bit__CheckpointPinRequest *m);
/**
 * Refused for one that is pinned, for one that another run begins from, while a launch looks for the one that it starts
 * from, and, unless forced, for the newest.
 */
void bit_pin_remove_asked(struct bit_client *c, const Bit__CheckpointRemoveRequest *m);

/** Answer a request for a checkpoint with the newest, which is pinned with it. */
void bit_pin_newest(struct bit_client *c, struct bit_runner *r, char *request_id);

#endif
