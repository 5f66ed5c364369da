/* A Unix socket under its path: looked for now and then, and made again there when it is gone. */
#ifndef BIT_DAEMON_SOCKET_PLACE_H
#define BIT_DAEMON_SOCKET_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/sys/config.h"

struct bit_socket_place {
    uv_loop_t *loop;
    char path[BIT_CONFIG_PATH_MAX + 16]; /* empty: there is none */
    /* Bind a socket there and listen, in place of the one that there was. Errors: nothing is left under the path. */
    int (*make)(void *data);
    void *data;
    /* Set by the functions below. */
    bool made; /* by us, and this is what it was: */
    uint64_t device, inode;
    uv_fs_t look;
    bool looking, closed;
    bool told; /* that it could not be made again, or that another is there */
};

/** Make it. After an error it is made as soon as it can be, by bit_socket_place_look. Errors: those of make. */
int bit_socket_place_make(struct bit_socket_place *p);
/** Look, on the pool, whether the socket is still under its path, and make it again if it is not. */
void bit_socket_place_look(struct bit_socket_place *p);
/** The socket is removed, unless another has taken its place; make is not called any more. A zeroed one is fine. */
void bit_socket_place_close(struct bit_socket_place *p);

#endif
