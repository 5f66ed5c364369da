/* The client socket: connections are admitted within their user's limits, and frames go to the handler of their
 * type. */
#ifndef BIT_DAEMON_SERVER_H
#define BIT_DAEMON_SERVER_H

#include <uv.h>

#include "daemon/client/connection/access.h"
#include "daemon/client/connection/client.h"
#include "daemon/sys/listener.h"

struct bit_server {
    struct bit_listener usual, second; /* config.socket; bitd.sock in the state folder, if that is another */
    struct bit_access access;
    struct bit_clients clients;
};

/** Listen on config.socket and in the state folder. Errors: BIT_EBUSY, BIT_EUSAGE, -errno. */
int bit_server_listen(struct bit_server *s, const struct bit_env *env, struct bit_runs *runs, struct bit_sweeps *sweeps,
                      struct bit_user_threads *user_threads);
void bit_server_close(struct bit_server *s);
/** Now and then: sockets that are gone are made again. */
void bit_server_look(struct bit_server *s);
/** A sweep changed: look at the waits for it. */
void bit_server_sweep_changed(struct bit_server *s, const char *sweep);
/** A run changed: look at the waits for it and for its sweep, and go on with its streams. */
void bit_server_changed(struct bit_server *s, struct bit_runner *r);

#endif
