/* A Unix socket at its path: checked now and then, and made again when it disappears from there. */
#ifndef BIT_DAEMON_SOCKET_PLACE_H
#define BIT_DAEMON_SOCKET_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/sys/settings/config.h"

struct bit_socket_place {
    uv_loop_t *loop;
    char path[BIT_CONFIG_PATH_MAX + 16]; /* empty: there is none */
    /* Bind a socket there and listen, replacing the former one. After an error nothing is left at the path. */
    int (*make)(void *data);
    void *data;
    /* Set by the functions below. */
    bool made; /* by bitd, with this identity: */
    uint64_t device, inode;
    uv_fs_t look;
    bool looking, closed;
    bool told; /* logged that it could not be made again, or that another one is there */
};

/** Make it. After an error, bit_socket_place_look tries again. Errors: those of make. */
int bit_socket_place_make(struct bit_socket_place *p);
/** Check, on the pool, whether the socket is still at its path, and make it again if not. */
void bit_socket_place_look(struct bit_socket_place *p);
/** Remove the socket, unless another one is there by now; make is not called any more. A zeroed one is fine. */
void bit_socket_place_close(struct bit_socket_place *p);

#endif
