#include "daemon/http/http.h"

#include <ctype.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/query/metrics.h"
#include "daemon/http/accept.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("http");

#define HEAD_BYTES     (16u << 10)
#define FRESH_MS       250
#define FRUITLESS_MOST 100
#define PAUSE_MS       100
#define LOOK_MS        500 /* between checks for late connections, while there are connections */

/* ---- answers */

static struct MHD_Response *make_response(const char *type, char *text, size_t bytes, enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(bytes, text, mode);

    if (r == NULL)
        return NULL;
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    return r;
}

/* Answers with a line of text, and an Allow header unless `allow` is NULL. */
static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *text, const char *allow)
{
    struct MHD_Response *r = make_response("text/plain; charset=utf-8", bit_lend(text), strlen(text),
                                           MHD_RESPMEM_MUST_COPY);

    if (r == NULL)
        return MHD_NO;
    if (allow != NULL)
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, allow);
    const enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

static struct MHD_Response *render(struct bit_http *h, bool openmetrics)
{
    char *text;
    size_t bytes;
    int err = bit_metrics_render(h->all, openmetrics, &text, &bytes);

    if (err < 0) {
        bit_error("metrics not rendered", "text=%s", bit_fail_text());
        return NULL;
    }
    struct MHD_Response *r = make_response(bit_exposition_content_type(openmetrics), text, bytes,
                                           MHD_RESPMEM_MUST_FREE);
    if (r == NULL) {
        free(text);
        return NULL;
    }
    MHD_add_response_header(r, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT);
    return r;
}

/* A response younger than FRESH_MS. The library counts references: an older response lives until it has been sent. */
static struct MHD_Response *fresh(struct bit_http *h, bool openmetrics)
{
    const uint64_t now = uv_now(h->all->env->loop);
    struct MHD_Response *r = h->text[openmetrics].response;

    if (r != NULL && now - h->text[openmetrics].made_ms < FRESH_MS)
        return r;
    if (r != NULL)
        MHD_destroy_response(r);
    h->text[openmetrics].response = render(h, openmetrics);
    h->text[openmetrics].made_ms = now;
    return h->text[openmetrics].response;
}

static enum MHD_Result note_accept(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
    bool *openmetrics = arg;

    if (strcasecmp(name, MHD_HTTP_HEADER_ACCEPT) == 0)
        *openmetrics |= bit_accept_openmetrics(value);
    return MHD_YES;
}

static enum MHD_Result answer_metrics(struct bit_http *h, struct MHD_Connection *c)
{
    bool openmetrics = false;

    MHD_get_connection_values(c, MHD_HEADER_KIND, note_accept, &openmetrics);
    struct MHD_Response *r = fresh(h, openmetrics);
    if (r == NULL)
        return answer(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "bitd ran out of memory\n", NULL);
    return MHD_queue_response(c, MHD_HTTP_OK, r);
}

/* ---- requests */

static bool may_ask(const struct bit_http *h, struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct bit_peer peer;

    return !h->listen.is_path || (info != NULL && bit_access_admit_fd(h->access, info->connect_fd, &peer) == 0);
}

/* On a loopback address, Host must be an address or localhost, with or without a port: any other name may be one that a
 * web page made resolve to this host. */
static bool is_ours(const struct bit_http *h, const char *host)
{
    size_t bytes = host != NULL ? strcspn(host, ":") : 0;

    if (h->listen.is_path || h->listen.is_remote || host == NULL || host[0] == '[')
        return true;
    if (bytes == 9 && strncasecmp(host, "localhost", 9) == 0)
        return true;
    for (size_t i = 0; i < bytes; i++)
        if (!isdigit((unsigned char)host[i]) && host[i] != '.')
            return false;
    return bytes > 0;
}

static bool has_body(struct MHD_Connection *c)
{
    const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return (length != NULL && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

static enum MHD_Result answer_path(struct bit_http *h, struct MHD_Connection *c, const char *url)
{
    if (strcmp(url, "/metrics") == 0)
        return answer_metrics(h, c);
    if (strcmp(url, "/healthz") != 0)
        return answer(c, MHD_HTTP_NOT_FOUND, "bitd answers /metrics and /healthz\n", NULL);
    if (h->all->env->stopping)
        return answer(c, MHD_HTTP_SERVICE_UNAVAILABLE, "bitd is going down\n", NULL);
    return answer(c, MHD_HTTP_OK, "ok\n", NULL);
}

/* Called when the head of a request has arrived and, if that call did not answer, again when all of it has. An answer
 * in the first call closes the connection. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *body, size_t *body_bytes, void **state)
{
    static char seen;
    struct bit_http *h = arg;

    if (*state == &seen) {
        *body_bytes = 0;
        return answer_path(h, c, url);
    }
    *state = &seen;
    if (!may_ask(h, c))
        return answer(c, MHD_HTTP_FORBIDDEN, "not a user of this bitd\n", NULL);
    if (!is_ours(h, MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST)))
        return answer(c, MHD_HTTP_MISDIRECTED_REQUEST, "use an address or localhost as the host, no other name\n",
                      NULL);
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are allowed\n", "GET, HEAD");
    if (has_body(c))
        return answer(c, MHD_HTTP_CONTENT_TOO_LARGE, "a request here has no body\n", NULL);
    return MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode how)
{
    struct bit_http *h = arg;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct bit_http_connection *one = info != NULL ? info->socket_context : NULL;

    if (one != NULL && how == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        one->since_ms = uv_now(h->all->env->loop);
        h->fruitless = 0;
    }
}

static void on_connection(void *arg, struct MHD_Connection *c, void **context, enum MHD_ConnectionNotificationCode what)
{
    struct bit_http *h = arg;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (what == MHD_CONNECTION_NOTIFY_STARTED && info != NULL)
        *context = bit_http_connections_add(&h->connections, info->connect_fd, uv_now(h->all->env->loop));
    else if (what == MHD_CONNECTION_NOTIFY_CLOSED && *context != NULL)
        bit_http_connections_remove(&h->connections, *context);
    h->closed |= what == MHD_CONNECTION_NOTIFY_CLOSED;
}

static void on_log(void *arg, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));

/* The library's messages are mostly about clients' mistakes. */
static void on_log(void *arg, const char *fmt, va_list args)
{
    char text[256];

    bit_vformat(text, sizeof text, fmt, args);
    text[strcspn(text, "\n")] = '\0';
    bit_debug("library", "text=\"%s\"", text);
}

/* ---- on the loop */

static void turn(struct bit_http *h);

static void on_ready(uv_poll_t *poll, int status, int events)
{
    turn(poll->data);
}

static void on_time(uv_timer_t *timer)
{
    struct bit_http *h = timer->data;

    h->paused = false;
    turn(h);
}

static uint64_t next_look_ms(struct bit_http *h)
{
    MHD_UNSIGNED_LONG_LONG ms = LOOK_MS;

    if (h->paused)
        return PAUSE_MS;
    if (h->closed) /* if it was at its connection limit, it accepts again only in the next MHD_run */
        return 0;
    if (MHD_get_timeout(h->mhd, &ms) == MHD_YES && ms < LOOK_MS)
        return ms;
    return h->connections.count > 0 ? LOOK_MS : 0;
}

/* Runs the library once. A connection that cannot be accepted (no descriptor is left) stays ready: hence the pause. */
static void turn(struct bit_http *h)
{
    const struct bit_env *env = h->all->env;

    h->closed = false;
    MHD_run(h->mhd);
    bit_http_connections_end_late(&h->connections, uv_now(env->loop), 3 * env->config->client_ms);
    h->paused = ++h->fruitless > FRUITLESS_MOST;
    if (h->paused) {
        h->fruitless = 0;
        uv_poll_stop(h->poll);
    } else {
        uv_poll_start(h->poll, UV_READABLE, on_ready);
    }
    const uint64_t ms = next_look_ms(h);
    if (ms > 0 || h->closed || h->connections.count > 0)
        uv_timer_start(&h->timer, on_time, ms, 0);
    else
        uv_timer_stop(&h->timer);
}

/* ---- start and stop */

static unsigned silence_s(const struct bit_config *config)
{
    return (unsigned)((config->client_ms + 999) / 1000);
}

static int poll_library(struct bit_http *h)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD);

    h->poll = calloc(1, sizeof *h->poll);
    if (info == NULL || h->poll == NULL)
        return -ENOMEM;
    int err = uv_poll_init(h->all->env->loop, h->poll, info->epoll_fd);
    if (err < 0) { /* it did not become a handle of the loop */
        free(h->poll);
        h->poll = NULL;
        return err;
    }
    h->poll->data = h;
    return uv_poll_start(h->poll, UV_READABLE, on_ready);
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

/* Ends the connections; the library also closes the listening socket. */
static void stop_library(struct bit_http *h)
{
    if (h->mhd == NULL)
        return;
    uv_timer_stop(&h->timer);
    if (h->poll != NULL)
        uv_close((uv_handle_t *)h->poll, on_poll_closed);
    MHD_stop_daemon(h->mhd);
    h->poll = NULL;
    h->mhd = NULL;
    h->listen.fd = -1;
    h->paused = false;
}

static int start_library(struct bit_http *h)
{
    const struct bit_config *config = h->all->env->config;

    h->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, h,
                              MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, h->listen.fd,
                              MHD_OPTION_CONNECTION_LIMIT, (unsigned)BIT_HTTP_CONNECTIONS_MAX,
                              MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
                              silence_s(config), MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED,
                              on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_END);
    if (h->mhd == NULL)
        return bit_fail(-EIO, "metrics = %s: libmicrohttpd does not start", config->metrics);
    int err = poll_library(h);
    return err < 0 ? bit_fail(err, "metrics = %s: %s", config->metrics, uv_strerror(err)) : 0;
}

/* The library cannot change its listening socket, so it is started anew with each. */
static int listen_anew(void *data)
{
    struct bit_http *h = data;
    struct bit_http_listen next;
    int err = bit_http_listen_open(&next, h->all->env->config, h->access);

    if (err < 0)
        return err;
    stop_library(h);
    h->listen = next;
    err = start_library(h);
    if (err < 0) {
        stop_library(h);
        bit_http_listen_drop(&h->listen);
    }
    return err;
}

int bit_http_open(struct bit_http *h, const struct bit_clients *all, const struct bit_access *access)
{
    const char *metrics = all->env->config->metrics;

    *h = (struct bit_http){.all = all, .access = access};
    if (metrics[0] == '\0')
        return 0;
    uv_timer_init(all->env->loop, &h->timer);
    h->timer.data = h;
    h->place = (struct bit_socket_place){.loop = all->env->loop, .make = listen_anew, .data = h};
    if (metrics[0] == '/')
        snprintf(h->place.path, sizeof h->place.path, "%s", metrics);
    int err = metrics[0] == '/' ? bit_socket_place_make(&h->place) : listen_anew(h);
    if (err == 0)
        bit_info("metrics", "address=%s", h->listen.text);
    return err;
}

void bit_http_look(struct bit_http *h)
{
    bit_socket_place_look(&h->place);
}

void bit_http_close(struct bit_http *h)
{
    if (h->all == NULL || h->all->env->config->metrics[0] == '\0')
        return;
    bit_socket_place_close(&h->place);
    stop_library(h);
    uv_close((uv_handle_t *)&h->timer, NULL);
    for (int i = 0; i < 2; i++)
        if (h->text[i].response != NULL)
            MHD_destroy_response(h->text[i].response);
}
