/* Several requests at once, of which only the first reply is used. */
#ifndef BIT_CTL_FIRST_REPLY_H
#define BIT_CTL_FIRST_REPLY_H

#include "ctl/cli/verb.h"
#include "ctl/client/connection.h"

/**
 * Opens a connection for each of `count` requests. ask() sends request number `which`, and again if its daemon hung up
 * and is back. take() gets the first reply; an error is printed. All connections are then closed.
 * Returns     the exit code; 0 after take()
 */
int bit_first_reply(struct bit_cli *cli, int count, int (*ask)(void *arg, int which, struct bit_connection *client),
                    void (*take)(void *arg, uint16_t type, const ProtobufCMessage *msg), void *arg);

#endif
