/* The connection to bitd: one request, one reply or a stream of them. Blocking; a client has nothing else to do. */
#ifndef BIT_CTL_CONNECTION_H
#define BIT_CTL_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/client/hangups.h"
#include "proto/bit.pb-c.h"
#include "proto/limits.h"
#include "proto/wire/frame.h"
#include "proto/wire/msg.h"

struct bit_connection {
    int fd;
    char path[BIT_PATH_MAX]; /* of the socket */
    int32_t pid;                /* of the daemon */
    double asked_s;             /* when the last request was sent */
    struct bit_hangups hangups; /* since the last reply */
    struct bit_frame_reader reader;
};

/**
 * Connect to `socket`, or where a daemon is if it is NULL (sockets.h). BIT_EDAEMON says what was tried; -EACCES passes
 * through.
 */
int bit_connection_open(struct bit_connection *c, const char *socket);
void bit_connection_close(struct bit_connection *c);
struct bit_cli;
/**
 * The same after a daemon hung up, tried again for two minutes; says so unless cli is quiet. Hung up on again
 * before a reply came, it pauses, longer each time, says nothing more, and after a few times gives up: BIT_EDAEMON.
 */
int bit_connection_reopen_said(struct bit_connection *c, const struct bit_cli *cli);
/**
 * bit_connection_open for what outlives a daemon: on a socket that a killed one has left, its return is waited for as
 * above; where there is no socket there was no daemon, and that is an error at once.
 */
int bit_connection_open_waiting(struct bit_connection *c, const struct bit_cli *cli);

/** BIT_ENORUN for the name of a run that is too long to be one: bitd is not asked for it. */
int bit_connection_send(struct bit_connection *c, uint16_t type, const void *msg);
/** The next reply; notes before it are said on stderr. *type, *msg (bit_msg_free). BIT_EDAEMON if the daemon hung up.
 * timeout_ms < 0 waits for ever; BIT_ETIMEOUT. */
int bit_connection_next(struct bit_connection *c, int timeout_ms, uint16_t *type, ProtobufCMessage **msg);

/**
 * Send a request and take its one reply, which must be of type `want`. Where it carries a request id, so that it is
 * applied once, a daemon that goes away in between is waited for and asked again. An ErrorReply is printed (as JSON
 * with cli->json) and becomes its exit code.
 * Returns     0 with *reply, or the exit code (> 0) after everything was said that there is to say
 */
int bit_connection_ask(struct bit_cli *cli, uint16_t type, const void *msg, uint16_t want, void *reply);
/** The same, but bitd's refusal is left to the caller, who prints and frees it: *refusal, NULL where there is none. */
int bit_connection_ask_told(struct bit_cli *cli, uint16_t type, const void *msg, uint16_t want, void *reply,
                            Bit__ErrorReply **refusal);
/** And this prints nothing: 0 with *reply or *refusal; BIT_EDAEMON where none answers. */
int bit_connection_try(struct bit_cli *cli, uint16_t type, const void *msg, uint16_t want, void *reply,
                       Bit__ErrorReply **refusal);

/** A request id: unique for this call of the program, so that a retry after a lost reply is applied once. */
void bit_request_id(char out[40]);

#endif
