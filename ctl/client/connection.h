/* The connection to bitd: one request, then one reply or a stream of them. Blocking. */
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
    char path[BIT_PATH_MAX];    /* of the socket */
    int32_t pid;                /* of the daemon */
    double asked_s;             /* when the last request was sent */
    struct bit_hangups hangups; /* since the last reply */
    bool said_stopped;          /* that the daemon is suspended was printed */
    struct bit_frame_reader reader;
};

/**
 * Connect to `socket`, or if it is NULL to the first daemon found (sockets.h). BIT_EDAEMON, with the path that was
 * tried in the message; -EACCES passes through.
 */
int bit_connection_open(struct bit_connection *c, const char *socket);
void bit_connection_close(struct bit_connection *c);
struct bit_cli;
/**
 * Connect again after the daemon hung up, with retries for two minutes; prints so unless cli is quiet. If daemons hang
 * up again before a reply, it pauses longer each time, prints nothing more, and at last gives up (hangups.h):
 * BIT_EDAEMON.
 */
int bit_connection_reopen_said(struct bit_connection *c, const struct bit_cli *cli);
/** Whether a daemon answers; true also if it refuses us. */
bool bit_connection_is_there(const struct bit_cli *cli);
/**
 * bit_connection_open for verbs that outlive a daemon: if a killed daemon has left its socket, wait for its return as
 * above. Without a socket there was no daemon: an error at once.
 */
int bit_connection_open_waiting(struct bit_connection *c, const struct bit_cli *cli);

/** BIT_ENORUN if the run's name is too long to exist; the request is not sent. */
int bit_connection_send(struct bit_connection *c, uint16_t type, const void *msg);
/**
 * The next reply: *type, *msg (bit_msg_free). Notes before it are printed on stderr. BIT_EDAEMON if the daemon hung up.
 * timeout_ms < 0 waits without limit; BIT_ETIMEOUT.
 */
int bit_connection_next(struct bit_connection *c, int timeout_ms, uint16_t *type, ProtobufCMessage **msg);

/**
 * Send a request and take its one reply, which must be of type `want`. If the daemon goes away in between, a request
 * with a request id, which bitd applies once, is sent again after its return. An ErrorReply is printed (as JSON with
 * cli->json), and its exit code returned.
 * Returns     0 with *reply, or the exit code (> 0) after everything was printed
 */
int bit_connection_ask(struct bit_cli *cli, uint16_t type, const void *msg, uint16_t want, void *reply);
/**
 * The same, but a refusal of bitd is not printed: *refusal is the caller's to print and free; NULL if there is none.
 */
int bit_connection_ask_told(struct bit_cli *cli, uint16_t type, const void *msg, uint16_t want, void *reply,
                            Bit__ErrorReply **refusal);
/** The same, but nothing is printed: 0 with *reply or *refusal; BIT_EDAEMON if no daemon answers. */
int bit_connection_try(struct bit_cli *cli, uint16_t type, const void *msg, uint16_t want, void *reply,
                       Bit__ErrorReply **refusal);

/** A request id: unique for this call of the program, so that bitd applies a retry after a lost reply once. */
void bit_request_id(char out[40]);

#endif
