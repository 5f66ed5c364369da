/* Requests of clients: the table from the type of a message to its handler. */
#ifndef BIT_DAEMON_REQUEST_H
#define BIT_DAEMON_REQUEST_H

#include "daemon/client/connection/client.h"

/** Handle one request. It ends, now or later, with bit_client_end or a refusal. */
void bit_request_handle(struct bit_client *c, uint16_t type, const ProtobufCMessage *msg);

#endif
