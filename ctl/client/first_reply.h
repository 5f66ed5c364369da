/* Several requests at once, of which the first that is answered counts. */
#ifndef BIT_CTL_FIRST_REPLY_H
#define BIT_CTL_FIRST_REPLY_H

#include "ctl/cli/verb.h"
#include "ctl/client/connection.h"

/**
 * A connection for each of `count` requests: ask() sends the one of this number (again where a daemon that hung up is
 * back), take() gets the first answer, an error is printed. The others are given up then.
 * Returns     the exit code; 0 after take()
 */
int bit_first_reply(struct bit_cli *cli, int count, int (*ask)(void *arg, int which, struct bit_connection *client),
                    void (*take)(void *arg, uint16_t type, const ProtobufCMessage *msg), void *arg);

#endif
