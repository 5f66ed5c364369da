/* What clients ask: the table from the type of a message to its handler. */
#ifndef BIT_DAEMON_REQUEST_H
#define BIT_DAEMON_REQUEST_H

#include "daemon/client/connection/client.h"

/** Answer one request, now or later: it ends with bit_client_end, or a refusal, or a wait or stream that does so. */
void bit_request_handle(struct bit_client *c, uint16_t type, const ProtobufCMessage *msg);

#endif
