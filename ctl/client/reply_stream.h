/* A request with a stream of replies, which survives a restart of the daemon. */
#ifndef BIT_CTL_REPLY_STREAM_H
#define BIT_CTL_REPLY_STREAM_H

#include "ctl/cli/verb.h"
#include "ctl/client/connection.h"

/**
 * ask() sends the request, and sends it again after a reconnect: it must ask only for what has not come yet. take()
 * gets every reply except errors and the end. With `survive` a daemon that hangs up, or was killed just before, is
 * waited for. Returns the exit code.
 */
int bit_reply_stream(struct bit_cli *cli, bool survive, int (*ask)(void *arg, struct bit_connection *client),
                     void (*take)(void *arg, uint16_t type, const ProtobufCMessage *msg), void *arg);

#endif
