/*
 * Requests that change a run. Each is journalled before it is answered, and carries the client's own id: the same id
 * again is answered again and not applied twice.
 */
#ifndef BIT_DAEMON_MUTATE_H
#define BIT_DAEMON_MUTATE_H

#include "daemon/client/client.h"

void bit_mutate_checkpoint(struct bit_client *c, const Bit__CheckpointRequest *m);
void bit_mutate_pause(struct bit_client *c, const Bit__PauseRequest *m);
void bit_mutate_resume(struct bit_client *c, const Bit__ResumeRequest *m);
void bit_mutate_cancel(struct bit_client *c, const Bit__CancelRequest *m);
void bit_mutate_switch(struct bit_client *c, const Bit__SwitchRequest *m);

#endif
