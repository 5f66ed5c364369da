/* A listening Unix socket at a path, made again when it disappears from there. */
#ifndef BIT_DAEMON_LISTENER_H
#define BIT_DAEMON_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#include "daemon/sys/sockets/socket_place.h"

struct bit_listener {
    mode_t mode;
    gid_t gid;
    uv_connection_cb on_connection;
    void *data;                    /* becomes the pipe's `data` */
    struct bit_socket_place place; /* the caller sets its loop */
    uv_pipe_t *pipe;               /* NULL as long as it could not be made */
    bool given;                    /* opened by the service manager: not made or removed here */
};

/** Listen at `path`, as bit_peer_listen does. After an error, bit_listener_look tries again. */
int bit_listener_open(struct bit_listener *l, const char *path);
/** Listen on a socket that the service manager opened at `path`. Takes ownership of fd. Errors: libuv's; -ENOMEM. */
int bit_listener_take(struct bit_listener *l, const char *path, int fd);
/** Check, on the pool, whether the socket is still at its path, and make it again if not. */
void bit_listener_look(struct bit_listener *l);
bool bit_listener_listens(const struct bit_listener *l);
/** Whether `path` leads to the socket that it listens on (same device and inode). */
bool bit_listener_is_at(const struct bit_listener *l, const char *path);
/** Close it, and remove its socket unless another one is there by now. */
void bit_listener_close(struct bit_listener *l);

#endif
