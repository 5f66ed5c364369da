/* The connections of GET /metrics, and since when each has had nothing answered: the library's own limit is on silence,
 * and who sends a byte now and then is never silent. Pure but for the end of one. */
#ifndef BIT_DAEMON_HTTP_CONNECTIONS_H
#define BIT_DAEMON_HTTP_CONNECTIONS_H

#include <stdint.h>

#define BIT_HTTP_CONNECTIONS_MAX 16

struct bit_http_connections {
    struct bit_http_connection {
        int fd; /* borrowed; in use where since_ms is not 0 */
        uint64_t since_ms;
    } one[BIT_HTTP_CONNECTIONS_MAX];
    unsigned count;
};

/** A new one; NULL if there are as many as may be. */
struct bit_http_connection *bit_http_connections_add(struct bit_http_connections *all, int fd, uint64_t now_ms);
/** It is closed. */
void bit_http_connections_remove(struct bit_http_connections *all, struct bit_http_connection *one);
/** Those that have waited longer than `most_ms` are shut down; whoever owns them finds them at their end. */
void bit_http_connections_end_late(struct bit_http_connections *all, uint64_t now_ms, uint64_t most_ms);

#endif
