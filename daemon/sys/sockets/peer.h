/* Unix sockets: created with their final mode, and the credentials of the other end. */
#ifndef BIT_DAEMON_PEER_H
#define BIT_DAEMON_PEER_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

struct bit_peer {
    pid_t pid; /* for the log only, never for a decision */
    uid_t uid;
    gid_t gid;
    bool admin, member; /* of admin_group or root or bitd's user; of `group` (daemon/client/connection/access.h) */
};

/** The peer's SO_PEERCRED, as of connect(). Errors: -errno. */
int bit_peer_get(const uv_pipe_t *pipe, struct bit_peer *out);
/** The same for a connected descriptor. */
int bit_peer_get_of(int fd, struct bit_peer *out);
/** The daemon's own user, or root. */
bool bit_peer_is_owner(const struct bit_peer *peer);
/**
 * Listen at `path` with `mode`, and group `gid` unless that is -1. A socket there that nobody answers on is replaced.
 * Ownership   the caller removes the socket and closes the handle, which is initialised in every case
 * Errors      BIT_EBUSY if somebody answers; -errno
 */
int bit_peer_listen(uv_loop_t *loop, uv_pipe_t *pipe, const char *path, mode_t mode, gid_t gid,
                    uv_connection_cb on_connection);
/** The same without listening: returns the bound descriptor. Errors: the same. */
int bit_peer_bind(const char *path, mode_t mode, gid_t gid);
/** Listen on a socket that another program made and removes. Takes ownership of fd in every case. Errors: libuv's. */
int bit_peer_listen_on(uv_pipe_t *pipe, int fd, uv_connection_cb on_connection);

#endif
