/*
 * GET /metrics and GET /healthz, by libmicrohttpd on bitd's own loop: the loop polls the library's epoll descriptor,
 * the library reads and writes only what is ready, and it has no thread of its own. Slow, frequent or malformed
 * requests cost bitd a bounded part of each turn of the loop, and cost training nothing. Limits:
 *
 *     connections        BIT_HTTP_CONNECTIONS_MAX; further ones wait in the kernel's queue
 *     head of a request  16 KiB; a body is refused
 *     time               client_timeout without a byte; three times that without an answer
 *     rendering          four times a second in each format; further requests get the same text
 *     waking             after 100 turns without a complete request, a pause of 100 ms
 *
 * On a Unix socket, only users who may use bitd are answered; on an address, everybody who reaches it. On a loopback
 * address a request's Host must be an address or localhost, so that a web page cannot read the metrics through a DNS
 * name of its own.
 */
#ifndef BIT_DAEMON_HTTP_H
#define BIT_DAEMON_HTTP_H

#include <stdbool.h>
#include <uv.h>

#include "daemon/client/connection/client.h"
#include "daemon/http/http_connections.h"
#include "daemon/http/http_listen.h"
#include "daemon/sys/sockets/socket_place.h"

struct MHD_Daemon;
struct MHD_Response;

struct bit_http {
    const struct bit_clients *all; /* borrowed, like access */
    const struct bit_access *access;
    struct bit_socket_place place; /* if `metrics` is a path */
    struct bit_http_listen listen;
    struct MHD_Daemon *mhd; /* NULL: not running; else it owns listen.fd */
    uv_poll_t *poll;        /* on the library's epoll descriptor */
    uv_timer_t timer;
    struct bit_http_connections connections;
    bool closed;        /* a connection was closed in the present turn */
    bool paused;        /* the loop does not poll it for PAUSE_MS */
    unsigned fruitless; /* turns since a request was complete */
    struct {
        struct MHD_Response *response;
        uint64_t made_ms; /* on the loop's clock */
    } text[2];            /* [0] in 0.0.4, [1] in OpenMetrics; response NULL: not rendered yet */
};

/** Listen where the setting `metrics` says; do nothing if it is empty. Errors: BIT_EBUSY, BIT_EUSAGE, -errno. */
int bit_http_open(struct bit_http *h, const struct bit_clients *all, const struct bit_access *access);
/** Call now and then: makes a Unix socket again that is gone. */
void bit_http_look(struct bit_http *h);
/** A zeroed one is fine. The loop must run afterwards, to close the handles. */
void bit_http_close(struct bit_http *h);

#endif
