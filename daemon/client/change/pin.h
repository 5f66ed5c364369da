/* Checkpoints that people pin, unpin and remove. */
#ifndef BIT_DAEMON_PIN_H
#define BIT_DAEMON_PIN_H

#include "daemon/client/connection/client.h"

struct bit_runner;

void bit_pin_asked(struct bit_client *c, const Bit__CheckpointPinRequest *m);
/**
 * Remove a checkpoint. Refused if it is pinned, if another run begins from it, while a launch chooses the one that it
 * starts from, and, unless forced, if it is the newest.
 */
void bit_pin_remove_asked(struct bit_client *c, const Bit__CheckpointRemoveRequest *m);

/** Answer a request for a checkpoint with the newest, and pin that. */
void bit_pin_newest(struct bit_client *c, struct bit_runner *r, char *request_id);

#endif
