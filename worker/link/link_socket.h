/* The link's socket: a Unix socket with plain bytes, or TCP with sealed records. For the link's own files only. */
#ifndef BIT_WORKER_LINK_SOCKET_H
#define BIT_WORKER_LINK_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/wire/handshake.h"

/* One thread may write while another reads. */
struct bit_link_socket {
    int fd; /* -1: none */
    bool sealed;
    struct bit_sealer out; /* the writer's */
    uint8_t *record;       /* the writer's: one sealed record */
    struct bit_opener in;  /* the reader's */
    const uint8_t *plain;  /* the reader's: decrypted bytes not yet taken */
    size_t plain_bytes;
};

void bit_link_socket_init(struct bit_link_socket *s);
/**
 * Connect to a socket's path or to "host:port"; over TCP each side also proves that it knows the launch's secret.
 * wait_ms limits each attempt to connect and each wait for the answer.
 * Errors      -errno, BIT_EDAEMON, BIT_EAUTH, BIT_ETIMEOUT: worth another attempt; BIT_EUSAGE: not an address
 */
int bit_link_socket_open(struct bit_link_socket *s, const char *where, const struct bit_launch_id *id, int64_t wait_ms);
/** Wipes the keys. Allowed in any state. No thread may be in read or write. */
void bit_link_socket_close(struct bit_link_socket *s);
/** Wake the reading and the writing thread: both fail from now on. */
void bit_link_socket_shutdown(struct bit_link_socket *s);
/** Write all bytes. Errors: -errno. */
int bit_link_socket_write(struct bit_link_socket *s, const uint8_t *data, size_t bytes);
/** Read at least one byte. Errors: -errno; BIT_ETIMEOUT; BIT_EDAEMON at the end; -EBADMSG for data that is not
 * bitd's. */
ssize_t bit_link_socket_read(struct bit_link_socket *s, uint8_t *room, size_t bytes);
/** Limit how long a read waits; 0: no limit. */
void bit_link_socket_limit(struct bit_link_socket *s, int64_t ms);

#endif
