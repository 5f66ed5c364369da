/*
 * How many connections are accepted from one source. Each address (for IPv6 its /64, since one machine has all of it)
 * has its own token bucket, so that a source that connects without end empties only its own. A source that has proved
 * itself is a node of a job and is always accepted. The table has a fixed size: a new source replaces the one that was
 * idle longest, proven ones last. While launches wait for ranks, a source may send that many more connections: all
 * ranks of a launch connect at once, and those of one node do so before the first has proved itself. Pure: the caller
 * passes the time.
 */
#ifndef BIT_DAEMON_CONNECTION_RATE_H
#define BIT_DAEMON_CONNECTION_RATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define BIT_CONNECTION_RATE_SOURCES 256
#define BIT_CONNECTION_RATE_PER_S   50  /* connections per second of one source ... */
#define BIT_CONNECTION_RATE_BURST   256 /* ... and at once: a node may hold as many ranks */

/* Empty when zeroed. */
struct bit_connection_rate {
    struct bit_connection_rate_source {
        uint8_t address[16]; /* IPv4 mapped into IPv6 */
        double tokens;       /* at used_ms; below 0 because of expected ranks */
        uint64_t used_ms;    /* 0: unused entry */
        bool proven;
    } source[BIT_CONNECTION_RATE_SOURCES];
};

/** Whether to accept one more connection from this source now, while `expected` ranks are expected. now_ms > 0. */
bool bit_connection_rate_take(struct bit_connection_rate *p, const struct sockaddr *from, unsigned expected,
                              uint64_t now_ms);
/** The source has proved itself. */
void bit_connection_rate_trust(struct bit_connection_rate *p, const struct sockaddr *from, uint64_t now_ms);

#endif
