/* Unix sockets: made with their mode from the start, and who is at the other end. */
#ifndef BIT_DAEMON_PEER_H
#define BIT_DAEMON_PEER_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

struct bit_peer {
    pid_t pid; /* for the log; never to decide by */
    uid_t uid;
    gid_t gid;
    bool admin, member; /* daemon/client/connection/access.h: may do everything; is of `group` */
};

/** SO_PEERCRED: as of connect(). Errors: -errno. */
int bit_peer_get(const uv_pipe_t *pipe, struct bit_peer *out);
/** The same of a connected descriptor. */
int bit_peer_get_of(int fd, struct bit_peer *out);
/** The daemon's own user, or root. */
bool bit_peer_is_owner(const struct bit_peer *peer);
/**
 * Listen at `path` with `mode`, and group `gid` unless that is -1. A socket that nobody answers on is replaced.
 * Ownership   the caller removes the socket, and closes the handle, which is initialised in every case
 * Errors      BIT_EBUSY if somebody answers; -errno
 */
int bit_peer_listen(uv_loop_t *loop, uv_pipe_t *pipe, const char *path, mode_t mode, gid_t gid,
                    uv_connection_cb on_connection);
/** A descriptor bound there in the same way, for others to listen on. Errors: likewise. */
int bit_peer_bind(const char *path, mode_t mode, gid_t gid);
/** The same on a socket that somebody else made and removes. Takes ownership of fd in every case. Errors: libuv's. */
int bit_peer_listen_on(uv_pipe_t *pipe, int fd, uv_connection_cb on_connection);

#endif
