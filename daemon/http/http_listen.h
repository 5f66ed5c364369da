/* The socket that GET /metrics comes to: of the setting `metrics`, an address or a path. */
#ifndef BIT_DAEMON_HTTP_LISTEN_H
#define BIT_DAEMON_HTTP_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/client/connection/access.h"

struct bit_http_listen {
    int fd;                         /* listens; the owner's to close */
    bool is_path;                   /* who connects is asked for his user */
    bool is_remote;                 /* beyond this host */
    char text[BIT_CONFIG_PATH_MAX]; /* the path, or address and port as bound */
    uint64_t device, inode;         /* of the path */
};

/** Errors: BIT_EBUSY if somebody answers at that path; BIT_EUSAGE; -errno. */
int bit_http_listen_open(struct bit_http_listen *l, const struct bit_config *config, const struct bit_access *access);
/** Its path is removed, unless another socket has taken its place. */
void bit_http_listen_remove(const struct bit_http_listen *l);

#endif
