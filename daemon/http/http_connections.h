/* The connections of GET /metrics, and how long each has been without an answer. The library's own timeout is reset
 * by every byte, so a client that sends one now and then would stay for ever. Pure, except that late ones are shut
 * down. */
#ifndef BIT_DAEMON_HTTP_CONNECTIONS_H
#define BIT_DAEMON_HTTP_CONNECTIONS_H

#include <stdint.h>

#define BIT_HTTP_CONNECTIONS_MAX 16

struct bit_http_connections {
    struct bit_http_connection {
        int fd;            /* borrowed */
        uint64_t since_ms; /* of the last answer, or of its start; 0: the slot is free */
    } one[BIT_HTTP_CONNECTIONS_MAX];
    unsigned count;
};

/** Add a connection. NULL at BIT_HTTP_CONNECTIONS_MAX. */
struct bit_http_connection *bit_http_connections_add(struct bit_http_connections *all, int fd, uint64_t now_ms);
/** Remove a connection that was closed. */
void bit_http_connections_remove(struct bit_http_connections *all, struct bit_http_connection *one);
/** Shut down the sockets of those that have waited longer than `most_ms`; their owner then reads the end and closes. */
void bit_http_connections_end_late(struct bit_http_connections *all, uint64_t now_ms, uint64_t most_ms);

#endif
