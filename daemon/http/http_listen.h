/* The socket that GET /metrics comes to: of the setting `metrics`, an address or a path. */
#ifndef BIT_DAEMON_HTTP_LISTEN_H
#define BIT_DAEMON_HTTP_LISTEN_H

#include <stdbool.h>

#include "daemon/client/connection/access.h"

struct bit_http_listen {
    int fd;                         /* listens; the owner's to close, and a path to remove */
    bool is_path;                   /* who connects is asked for his user */
    bool is_remote;                 /* beyond this host */
    char text[BIT_CONFIG_PATH_MAX]; /* the path, or address and port as bound */
};

/** Errors: BIT_EBUSY if somebody answers at that path; BIT_EUSAGE; -errno. Nothing is left there then. */
int bit_http_listen_open(struct bit_http_listen *l, const struct bit_config *config, const struct bit_access *access);
/** Close it, unless somebody did, and remove its path. */
void bit_http_listen_drop(struct bit_http_listen *l);

#endif
