/* The client socket: who connects is admitted within his limits, and what he sends goes to the handler of its type. */
#ifndef BIT_DAEMON_SERVER_H
#define BIT_DAEMON_SERVER_H

#include <uv.h>

#include "daemon/client/access.h"
#include "daemon/client/client.h"

struct bit_server {
    uv_pipe_t pipe;
    struct bit_access access;
    struct bit_clients clients;
};

/** Listen on config.socket. Errors: BIT_EBUSY, BIT_EUSAGE, -errno. */
int bit_server_listen(struct bit_server *s, const struct bit_env *env, struct bit_runs *runs,
                      struct bit_user_threads *user_threads);
void bit_server_close(struct bit_server *s);
/** A run changed: answer who waited for it, go on with who follows it. */
void bit_server_changed(struct bit_server *s, struct bit_runner *r);

#endif
