/* The client sockets: admits connections within their user's limits, and passes frames to the handler of their type. */
#ifndef BIT_DAEMON_SERVER_H
#define BIT_DAEMON_SERVER_H

#include <uv.h>

#include "daemon/client/connection/access.h"
#include "daemon/client/connection/client.h"
#include "daemon/sys/sockets/listener.h"

struct bit_server {
    struct bit_listener usual, second; /* config.socket; bitd.sock in the state folder, if it is a different one */
    struct bit_access access;
    struct bit_clients clients;
};

/** Listen on config.socket and in the state folder. Errors: BIT_EBUSY, BIT_EUSAGE, -errno. */
int bit_server_listen(struct bit_server *s, const struct bit_env *env, struct bit_runs *runs, struct bit_sweeps *sweeps,
                      struct bit_user_threads *user_threads);
void bit_server_close(struct bit_server *s);
/** Call now and then: makes sockets again that are gone. */
void bit_server_look(struct bit_server *s);
/** A sweep changed: check the waits for it. */
void bit_server_sweep_changed(struct bit_server *s, const char *sweep);
/** A run changed: check the waits for it and for its sweep, and continue its streams. */
void bit_server_changed(struct bit_server *s, struct bit_runner *r);

#endif
