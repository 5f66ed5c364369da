/* A Unix socket that is listened on under a path, and made again there when it is gone. */
#ifndef BIT_DAEMON_LISTENER_H
#define BIT_DAEMON_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#include "daemon/sys/socket_place.h"

struct bit_listener {
    mode_t mode;
    gid_t gid;
    uv_connection_cb on_connection;
    void *data;                    /* of its streams */
    struct bit_socket_place place; /* loop: the caller's to set */
    uv_pipe_t *pipe;               /* NULL while it could not be made */
    bool given;                    /* the service manager's: neither made nor removed here */
};

/** Listen at `path`; as bit_peer_listen. After an error it is made as soon as it can be, by bit_listener_look. */
int bit_listener_open(struct bit_listener *l, const char *path);
/** On a socket that the service manager made for that path. Takes ownership of fd. Errors: libuv's. */
int bit_listener_take(struct bit_listener *l, const char *path, int fd);
/** Look, on the pool, whether the socket is still under its path, and make it again if it is not. */
void bit_listener_look(struct bit_listener *l);
bool bit_listener_listens(const struct bit_listener *l);
/** Whether `path` is the socket that it listens on, by whatever name. */
bool bit_listener_is_at(const struct bit_listener *l, const char *path);
/** Its socket is removed, unless another has taken its place. */
void bit_listener_close(struct bit_listener *l);

#endif
