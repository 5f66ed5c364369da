/* The listening socket of GET /metrics, made from the setting `metrics`, an address or a path. */
#ifndef BIT_DAEMON_HTTP_LISTEN_H
#define BIT_DAEMON_HTTP_LISTEN_H

#include <stdbool.h>

#include "daemon/client/connection/access.h"

struct bit_http_listen {
    int fd;                         /* the owner closes it, and removes a path */
    bool is_path;                   /* a Unix socket: users are checked */
    bool is_remote;                 /* not a loopback address */
    char text[BIT_CONFIG_PATH_MAX]; /* the path, or address and port as bound */
};

/** Errors: BIT_EBUSY if a process answers at that path; BIT_EUSAGE; -errno. After an error no socket is left there. */
int bit_http_listen_open(struct bit_http_listen *l, const struct bit_config *config, const struct bit_access *access);
/** Close the socket, unless fd is -1, and remove its path. */
void bit_http_listen_drop(struct bit_http_listen *l);

#endif
