#include "daemon/sys/sockets/peer.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/sys/sockets/passed_fds.h"
#include "proto/err.h"
#include "proto/wire/socket_path.h"

int bit_peer_get(const uv_pipe_t *pipe, struct bit_peer *out)
{
    uv_os_fd_t fd;
    int err = uv_fileno((const uv_handle_t *)pipe, &fd);

    return err < 0 ? err : bit_peer_get_of(fd, out);
}

int bit_peer_get_of(int fd, struct bit_peer *out)
{
    struct ucred cred;
    socklen_t bytes = sizeof cred;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &bytes) < 0)
        return bit_fail(-errno, "who connected: %s", strerror(errno));
    *out = (struct bit_peer){.pid = cred.pid, .uid = cred.uid, .gid = cred.gid};
    return 0;
}

bool bit_peer_is_owner(const struct bit_peer *peer)
{
    return peer->uid == geteuid() || peer->uid == 0;
}

/* Accepted sockets inherit the options, so that even the first message brings no descriptor. */
static int listen_guarded(uv_pipe_t *pipe, uv_connection_cb on_connection)
{
    uv_os_fd_t fd;
    int err = uv_fileno((const uv_handle_t *)pipe, &fd);

    if (err == 0)
        bit_passed_fds_refuse(fd);
    return err < 0 ? err : uv_listen((uv_stream_t *)pipe, 512, on_connection);
}

/* 1 if a process listens at the address, 0 if an unused socket or nothing is there. */
static int answers(const struct sockaddr_un *address, const char *path)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return bit_fail(-errno, "a socket: %s", strerror(errno));
    int err = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ? 1 : -errno;
    close(fd);
    if (err == 1 || err == -ENOENT || err == -ECONNREFUSED)
        return err == 1;
    return bit_fail(err, "%s: %s", path, strerror(-err));
}

/* Removes only a socket, not another file that was named by mistake. */
static int remove_dead(const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : bit_fail(-errno, "%s: %s", path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return bit_fail(-EEXIST, "%s: exists already and is no socket", path);
    return unlink(path) < 0 ? bit_fail(-errno, "%s: %s", path, strerror(errno)) : 0;
}

/* Binds with the final mode, by the umask: there is no moment with another one. Errors: -errno. */
static int bind_at(int fd, const struct sockaddr_un *address, const char *path, mode_t mode, gid_t gid)
{
    const mode_t before = umask(0777 & ~mode);
    int err = bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;

    umask(before);
    if (err == 0 && gid != (gid_t)-1 && chown(path, (uid_t)-1, gid) < 0)
        err = -errno;
    return err;
}

/* Returns a bound descriptor. */
static int make_at(const struct sockaddr_un *address, const char *path, mode_t mode, gid_t gid)
{
    int err = answers(address, path);

    if (err > 0)
        return bit_fail(BIT_EBUSY, "%s: another bitd answers there", path);
    if (err == 0)
        err = remove_dead(path);
    if (err < 0)
        return err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    err = fd < 0 ? -errno : bind_at(fd, address, path, mode, gid);
    if (err < 0 && fd >= 0)
        close(fd);
    return err < 0 ? bit_fail(err, "the socket %s", path) : fd;
}

int bit_peer_bind(const char *path, mode_t mode, gid_t gid)
{
    struct bit_socket_path at;
    int fd = bit_socket_path_init(path, &at);

    if (fd < 0)
        return fd;
    fd = make_at(&at.address, path, mode, gid);
    bit_socket_path_finish(&at);
    return fd;
}

int bit_peer_listen(uv_loop_t *loop, uv_pipe_t *pipe, const char *path, mode_t mode, gid_t gid,
                    uv_connection_cb on_connection)
{
    uv_pipe_init(loop, pipe, 0);
    int fd = bit_peer_bind(path, mode, gid);
    if (fd < 0)
        return fd;
    int err = uv_pipe_open(pipe, fd);
    if (err < 0)
        close(fd);
    else
        err = listen_guarded(pipe, on_connection);
    return err < 0 ? bit_fail(err, "the socket %s", path) : 0;
}

int bit_peer_listen_on(uv_pipe_t *pipe, int fd, uv_connection_cb on_connection)
{
    int err = uv_pipe_open(pipe, fd);

    if (err < 0)
        close(fd);
    else
        err = listen_guarded(pipe, on_connection);
    return err < 0 ? bit_fail(err, "the service manager's socket: %s", uv_strerror(err)) : 0;
}
