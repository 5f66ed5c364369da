#include "daemon/sys/sockets/listener.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/sys/sockets/peer.h"
#include "proto/err.h"

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

static int make(void *data)
{
    struct bit_listener *l = data;

    close_pipe(l);
    l->pipe = calloc(1, sizeof *l->pipe);
    if (l->pipe == NULL)
        return bit_fail(-ENOMEM, "a socket");
    int err = bit_peer_listen(l->place.loop, l->pipe, l->place.path, l->mode, l->gid, l->on_connection);
    l->pipe->data = l->data;
    if (err < 0)
        close_pipe(l);
    return err;
}

int bit_listener_open(struct bit_listener *l, const char *path)
{
    snprintf(l->place.path, sizeof l->place.path, "%s", path);
    l->place.make = make;
    l->place.data = l;
    return bit_socket_place_make(&l->place);
}

int bit_listener_take(struct bit_listener *l, const char *path, int fd)
{
    snprintf(l->place.path, sizeof l->place.path, "%s", path);
    l->given = true;
    l->pipe = calloc(1, sizeof *l->pipe);
    if (l->pipe == NULL) {
        close(fd);
        return bit_fail(-ENOMEM, "a socket");
    }
    uv_pipe_init(l->place.loop, l->pipe, 0);
    l->pipe->data = l->data;
    int err = bit_peer_listen_on(l->pipe, fd, l->on_connection);
    if (err < 0)
        close_pipe(l);
    return err;
}

void bit_listener_look(struct bit_listener *l)
{
    if (!l->given)
        bit_socket_place_look(&l->place);
}

bool bit_listener_listens(const struct bit_listener *l)
{
    return l->pipe != NULL;
}

bool bit_listener_is_at(const struct bit_listener *l, const char *path)
{
    struct stat here, there;

    return l->pipe != NULL && stat(l->place.path, &here) == 0 && stat(path, &there) == 0 &&
           here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

void bit_listener_close(struct bit_listener *l)
{
    bit_socket_place_close(&l->place); /* removes nothing if the socket was given */
    close_pipe(l);
}
