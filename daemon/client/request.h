/* What clients ask: the table from message type to handler. */
#ifndef BIT_DAEMON_REQUEST_H
#define BIT_DAEMON_REQUEST_H

#include "daemon/client/client.h"

/** Answer one request, now or later: it ends with bit_client_end (or a refusal, or a wait or stream that does so). */
void bit_request_handle(struct bit_client *c, uint16_t type, const ProtobufCMessage *msg);

/** The run a request names, or NULL with the client refused. */
struct bit_runner *bit_request_runner(struct bit_client *c, const char *which);

/* mutate.c */
void bit_mutate_checkpoint(struct bit_client *c, const Bit__CheckpointRequest *m);
void bit_mutate_pause(struct bit_client *c, const Bit__PauseRequest *m);
void bit_mutate_resume(struct bit_client *c, const Bit__ResumeRequest *m);
void bit_mutate_cancel(struct bit_client *c, const Bit__CancelRequest *m);
void bit_mutate_switch(struct bit_client *c, const Bit__SwitchRequest *m);

#endif
