/*
 * How many connections are taken from one source. Each address (of IPv6 its /64, which one machine has whole) has an
 * allowance of its own, so that somebody who connects without end uses up his and keeps no other out. A source that has
 * proved itself is a node of a job and always taken. A table of fixed size: a source that is new takes the place of the
 * one that was quiet the longest, and proven ones go last. No clock of its own.
 */
#ifndef BIT_DAEMON_CONNECTION_RATE_H
#define BIT_DAEMON_CONNECTION_RATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define BIT_CONNECTION_RATE_SOURCES 256
#define BIT_CONNECTION_RATE_PER_S   50  /* connections a second of one source ... */
#define BIT_CONNECTION_RATE_BURST   256 /* ... and so many at once: a node may hold as many ranks */

/* Zeroed, it knows nobody. */
struct bit_connection_rate {
    struct bit_connection_rate_source {
        uint8_t address[16]; /* IPv4 mapped into IPv6 */
        double tokens;       /* as of then */
        uint64_t used_ms;    /* 0: no source */
        bool proven;
    } source[BIT_CONNECTION_RATE_SOURCES];
};

/** Whether one more may be taken from it now. now_ms > 0. */
bool bit_connection_rate_take(struct bit_connection_rate *p, const struct sockaddr *from, uint64_t now_ms);
/** It has proved itself. */
void bit_connection_rate_trust(struct bit_connection_rate *p, const struct sockaddr *from, uint64_t now_ms);

#endif
