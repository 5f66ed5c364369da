/*
 * GET /metrics and GET /healthz, by libmicrohttpd on bitd's own loop: the library's epoll descriptor is one of the
 * loop's, it reads and writes only what is ready, and there is no thread of its own. Who asks slowly, much, or nothing
 * that makes sense costs bitd a bounded part of each turn of the loop, and training nothing:
 *
 *     connections        BIT_HTTP_CONNECTIONS_MAX; those beyond wait in the kernel's queue
 *     head of a request  16 KiB; a body is refused
 *     time               client_timeout without a byte; three times that without an answer
 *     rendering          four times a second in each format: what is asked more often gets the same text
 *     waking             100 times without a request that is complete; then a pause of 100 ms
 *
 * At a Unix socket those are answered who may use bitd's; at an address everybody who reaches it, and of a loopback
 * address only requests whose Host is an address or localhost, so that no web page reads it through a name of its own.
 */
#ifndef BIT_DAEMON_HTTP_H
#define BIT_DAEMON_HTTP_H

#include <stdbool.h>
#include <uv.h>

#include "daemon/client/connection/client.h"
#include "daemon/http/http_connections.h"
#include "daemon/http/http_listen.h"
#include "daemon/sys/socket_place.h"

struct MHD_Daemon;
struct MHD_Response;

struct bit_http {
    const struct bit_clients *all; /* borrowed, with the next */
    const struct bit_access *access;
    struct bit_socket_place place; /* where `metrics` is a path */
    struct bit_http_listen listen;
    struct MHD_Daemon *mhd; /* NULL: nothing is answered; else it owns listen.fd */
    uv_poll_t *poll;        /* on the library's epoll descriptor */
    uv_timer_t timer;
    struct bit_http_connections connections;
    bool closed;        /* a connection, in the present turn */
    bool paused;        /* the loop does not look at it for a moment */
    unsigned fruitless; /* turns since a request was complete */
    struct {
        struct MHD_Response *response;
        uint64_t made_ms; /* on the loop's clock */
    } text[2];            /* in 0.0.4, in OpenMetrics; NULL: not rendered yet */
};

/** Listen where the settings say it; where they say nothing, nothing happens. Errors: BIT_EBUSY, BIT_EUSAGE, -errno. */
int bit_http_open(struct bit_http *h, const struct bit_clients *all, const struct bit_access *access);
/** Now and then: a Unix socket that is gone is made again. */
void bit_http_look(struct bit_http *h);
/** A zeroed one is fine. The loop has to be run after it, to close its handles. */
void bit_http_close(struct bit_http *h);

#endif
