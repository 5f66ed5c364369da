#include "daemon/sys/listener.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/sys/peer.h"
#include "proto/err.h"
#include "proto/log.h"

BIT_LOG_TOPIC("listener");

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void close_pipe(struct bit_listener *l)
{
    if (l->pipe != NULL)
        uv_close((uv_handle_t *)l->pipe, on_closed);
    l->pipe = NULL;
}

static void note_identity(struct bit_listener *l)
{
    struct stat st;

    if (lstat(l->path, &st) < 0)
        return;
    l->device = st.st_dev;
    l->inode = st.st_ino;
}

static int make(struct bit_listener *l)
{
    l->pipe = calloc(1, sizeof *l->pipe);
    if (l->pipe == NULL)
        return bit_fail(-ENOMEM, "a socket");
    int err = bit_peer_listen(l->loop, l->pipe, l->path, l->mode, l->gid, l->on_connection);
    l->pipe->data = l->data;
    if (err < 0)
        close_pipe(l);
    else
        note_identity(l);
    return err;
}

int bit_listener_open(struct bit_listener *l, const char *path)
{
    snprintf(l->path, sizeof l->path, "%s", path);
    return make(l);
}

int bit_listener_take(struct bit_listener *l, const char *path, int fd)
{
    snprintf(l->path, sizeof l->path, "%s", path);
    l->given = true;
    l->pipe = calloc(1, sizeof *l->pipe);
    if (l->pipe == NULL) {
        close(fd);
        return bit_fail(-ENOMEM, "a socket");
    }
    uv_pipe_init(l->loop, l->pipe, 0);
    l->pipe->data = l->data;
    int err = bit_peer_listen_on(l->pipe, fd, l->on_connection);
    if (err < 0)
        close_pipe(l);
    return err;
}

/* ---- when it is gone */

/* A folder that is away comes back when its user logs in again: said once, and tried until then. */
static void make_again(struct bit_listener *l)
{
    close_pipe(l);
    if (make(l) == 0) {
        bit_info("listening again", "socket=%s", l->path);
        l->told = false;
    } else if (!l->told) {
        bit_warn("socket is gone", "socket=%s text=%s", l->path, bit_fail_text());
        l->told = true;
    }
}

static void on_looked(uv_fs_t *look)
{
    struct bit_listener *l = look->data;
    const int64_t result = look->result;
    const bool ours = result == 0 && l->pipe != NULL && look->statbuf.st_dev == l->device &&
                      look->statbuf.st_ino == l->inode;

    uv_fs_req_cleanup(look);
    l->looking = false;
    if (l->closed || ours)
        return;
    if (result == UV_ENOENT || result == UV_ENOTDIR) {
        make_again(l);
    } else if (result == 0 && !l->told) {
        bit_warn("another socket is there", "socket=%s", l->path);
        l->told = true;
    }
}

void bit_listener_look(struct bit_listener *l)
{
    if (l->path[0] == '\0' || l->given || l->looking || l->closed)
        return;
    l->look.data = l;
    l->looking = uv_fs_lstat(l->loop, &l->look, l->path, on_looked) == 0;
}

bool bit_listener_listens(const struct bit_listener *l)
{
    return l->pipe != NULL;
}

bool bit_listener_is_at(const struct bit_listener *l, const char *path)
{
    struct stat here, there;

    return l->pipe != NULL && stat(l->path, &here) == 0 && stat(path, &there) == 0 && here.st_dev == there.st_dev &&
           here.st_ino == there.st_ino;
}

void bit_listener_close(struct bit_listener *l)
{
    struct stat st;

    l->closed = true;
    if (l->pipe != NULL && !l->given && lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
        unlink(l->path);
    close_pipe(l);
}
