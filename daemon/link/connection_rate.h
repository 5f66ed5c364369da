/*
 * How many connections are taken from one source. Each address (of IPv6 its /64, which one machine has whole) has a
 * token bucket of its own, so that a source that connects without end empties its own and keeps no other out. A source
 * that has proved itself is a node of a job and always taken. The table has a fixed size: a new source takes the place
 * of the one that was quiet the longest, proven ones last. While a launch waits for its ranks, a source may send so
 * many more: all ranks of a launch come at once, and those of one node before the first has proved itself. Pure: the
 * caller says what time it is.
 */
#ifndef BIT_DAEMON_CONNECTION_RATE_H
#define BIT_DAEMON_CONNECTION_RATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define BIT_CONNECTION_RATE_SOURCES 256
#define BIT_CONNECTION_RATE_PER_S   50  /* connections a second of one source ... */
#define BIT_CONNECTION_RATE_BURST   256 /* ... and so many at once: a node may hold as many ranks */

/* Zeroed, it is empty. */
struct bit_connection_rate {
    struct bit_connection_rate_source {
        uint8_t address[16]; /* IPv4 mapped into IPv6 */
        double tokens;       /* as of then; below 0 by ranks that were expected */
        uint64_t used_ms;    /* 0: no source */
        bool proven;
    } source[BIT_CONNECTION_RATE_SOURCES];
};

/** Whether one more may be taken from it now, while so many ranks are expected. now_ms > 0. */
bool bit_connection_rate_take(struct bit_connection_rate *p, const struct sockaddr *from, unsigned expected,
                              uint64_t now_ms);
/** It has proved itself. */
void bit_connection_rate_trust(struct bit_connection_rate *p, const struct sockaddr *from, uint64_t now_ms);

#endif
