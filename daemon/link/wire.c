#include "daemon/link/wire.h"

#include <netinet/tcp.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/frame.h"
#include "proto/wire/secret.h"

#define FLIGHT_MAX    (512u << 10) /* most bytes that are sealed but not yet accepted by the kernel */
#define KEEPALIVE_S   10           /* of silence before probes are sent */
#define UNANSWERED_MS 30000        /* if bytes are not acknowledged for this long, the connection is lost */

/* One message with its payload, being sent. */
struct bit_wire_write {
    uv_write_t req;
    struct bit_wire_write *next;
    uint8_t *frame;
    struct bit_payload *payload;
    unsigned buf_count, buf_at; /* buf_at, byte_at: the first byte that is not sealed */
    size_t byte_at;
    uv_buf_t bufs[]; /* the frame, then header and piece alternately */
};

struct record {
    uv_write_t req;
    size_t bytes;
    uint8_t data[];
};

static void go_on(void *arg);

void bit_wire_init(struct bit_wire *w, struct bit_turn_share *share, bool tcp, const struct bit_wire_ops *ops,
                   void *arg)
{
    *w = (struct bit_wire){.ops = ops, .arg = arg, .share = share, .stage = tcp ? BIT_WIRE_HELLO : BIT_WIRE_BARE};
    w->waiter.go_on = go_on;
    w->waiter.arg = w;
    w->last = &w->first;
    if (tcp)
        uv_tcp_init(share->idle.loop, &w->io.tcp);
    else
        uv_pipe_init(share->idle.loop, &w->io.pipe, 0);
    w->io.handle.data = w;
}

/* A machine that is cut off must be noticed; heartbeats only show whether a reachable one works. */
static void set_options(struct bit_wire *w)
{
    const unsigned unanswered_ms = UNANSWERED_MS;
    uv_os_fd_t fd;

    uv_tcp_nodelay(&w->io.tcp, 1);
    uv_tcp_keepalive(&w->io.tcp, 1, KEEPALIVE_S);
    if (uv_fileno(&w->io.handle, &fd) == 0)
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof unanswered_ms);
}

int bit_wire_accept(struct bit_wire *w, uv_stream_t *server)
{
    int err = uv_accept(server, &w->io.stream);

    if (err == 0 && w->stage == BIT_WIRE_HELLO)
        set_options(w);
    return err < 0 ? bit_fail(err, "taking a connection: %s", uv_strerror(err)) : 0;
}

static void tell_broken(struct bit_wire *w, int err)
{
    if (!w->closing)
        w->ops->broken(w->arg, err);
}

void bit_wire_peer(const struct bit_wire *w, char *out, size_t room)
{
    struct sockaddr_storage address;
    int bytes = sizeof address;

    snprintf(out, room, "local");
    if (w->stage != BIT_WIRE_BARE && uv_tcp_getpeername(&w->io.tcp, (struct sockaddr *)&address, &bytes) == 0)
        uv_ip_name((const struct sockaddr *)&address, out, room);
}

/* ---- the handshake */

/* The 96-byte answer fits into the send buffer of a fresh connection; if it is not written at once, the connection is
 * closed. */
static int send_answer(struct bit_wire *w, const uint8_t answer[BIT_HANDSHAKE_ANSWER_BYTES])
{
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)answer, BIT_HANDSHAKE_ANSWER_BYTES);
    int n = uv_try_write(&w->io.stream, &buf, 1);

    return n == BIT_HANDSHAKE_ANSWER_BYTES ? 0 : bit_fail(n < 0 ? n : -EPIPE, "answering a worker's hello");
}

static int take_hello(struct bit_wire *w)
{
    uint8_t answer[BIT_HANDSHAKE_ANSWER_BYTES];
    struct bit_launch_id id = {0};
    char run[BIT_RUN_ID_MAX];
    uint64_t epoch;
    int err = bit_handshake_peek(w->early, run, &epoch);

    if (err == 0)
        err = w->ops->launch(w->arg, run, epoch, &id);
    if (err == 0)
        err = bit_handshake_answer(&id, w->early, answer, &w->out, w->in_key);
    sodium_memzero(&id, sizeof id);
    if (err == 0)
        err = send_answer(w, answer);
    w->stage = BIT_WIRE_HEADER;
    return err;
}

static int take_header(struct bit_wire *w)
{
    int err = bit_opener_init(&w->in, w->in_key, w->early, BIT_HELLO_BODY_MAX + BIT_FRAME_HEADER_BYTES);

    sodium_memzero(w->in_key, sizeof w->in_key);
    w->stage = BIT_WIRE_SEALED;
    return err;
}

static size_t early_need(const struct bit_wire *w)
{
    return w->stage == BIT_WIRE_HELLO ? BIT_HANDSHAKE_HELLO_BYTES : BIT_SEAL_HEADER_BYTES;
}

static void take_early(struct bit_wire *w)
{
    if (w->early_bytes < early_need(w))
        return;
    w->early_bytes = 0;
    int err = w->stage == BIT_WIRE_HELLO ? take_hello(w) : take_header(w);
    if (err < 0)
        tell_broken(w, err);
}

/* ---- reading */

/* Hand on opened bytes; returns false if the reader held or closed the wire meanwhile. */
static bool hand_on(struct bit_wire *w)
{
    while (w->plain_bytes > 0 && !w->held && !w->closing) {
        uint8_t *room;
        size_t bytes;
        int err = w->ops->room(w->arg, &room, &bytes);
        if (err < 0) {
            tell_broken(w, err);
            return false;
        }
        bytes = BIT_MIN(bytes, w->plain_bytes);
        memcpy(room, w->plain, bytes);
        bit_secret_wipe((uint8_t *)(uintptr_t)w->plain, bytes); /* it contains a hello */
        w->plain += bytes;
        w->plain_bytes -= bytes;
        w->ops->arrived(w->arg, bytes);
    }
    return !w->held && !w->closing;
}

static void open_records(struct bit_wire *w)
{
    int err = 0;

    while (hand_on(w) && (err = bit_opener_next(&w->in, &w->plain, &w->plain_bytes)) > 0)
        ;
    if (err < 0) {
        w->plain_bytes = 0;
        tell_broken(w, err);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct bit_wire *w = handle->data;
    uint8_t *room = NULL;
    size_t bytes = 0;

    if (w->stage == BIT_WIRE_SEALED) {
        room = bit_opener_room(&w->in, &bytes);
    } else if (w->stage == BIT_WIRE_BARE) {
        if (w->ops->room(w->arg, &room, &bytes) < 0)
            bytes = 0;
    } else {
        room = w->early + w->early_bytes;
        bytes = early_need(w) - w->early_bytes;
    }
    *buf = uv_buf_init((char *)room, (unsigned)bytes);
}

static void handle(struct bit_wire *w)
{
    if (w->ended < 0) {
        bit_fail(w->ended, "%s", uv_strerror(w->ended));
        tell_broken(w, w->ended);
    } else if (w->stage == BIT_WIRE_SEALED) {
        open_records(w);
    } else if (w->stage != BIT_WIRE_BARE) {
        take_early(w);
    }
}

/* What was read is handled now, or later if the workers' share of this turn is used up. Frames on a Unix socket are
 * handled at once: there, only ranks of this machine connect. */
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct bit_wire *w = stream->data;

    if (n < 0)
        w->ended = (int)n;
    else if (w->stage == BIT_WIRE_SEALED)
        bit_opener_commit(&w->in, (size_t)n);
    else if (w->stage == BIT_WIRE_BARE)
        w->ops->arrived(w->arg, (size_t)n);
    else
        w->early_bytes += (size_t)n;
    if (w->stage == BIT_WIRE_BARE && n >= 0)
        return;
    if (!bit_turn_share_is_used(w->share)) {
        handle(w);
        return;
    }
    uv_read_stop(stream);
    bit_turn_share_wait(w->share, &w->waiter);
}

static void handle_and_read(struct bit_wire *w)
{
    handle(w);
    if (!w->held && !w->closing)
        uv_read_start(&w->io.stream, on_alloc, on_read);
}

static void go_on(void *arg)
{
    struct bit_wire *w = arg;

    if (!w->held) /* otherwise bit_wire_start continues */
        handle_and_read(w);
}

void bit_wire_start(struct bit_wire *w)
{
    w->held = false;
    if (!bit_turn_waiter_waits(&w->waiter))
        handle_and_read(w);
}

void bit_wire_stop(struct bit_wire *w)
{
    w->held = true;
    uv_read_stop(&w->io.stream);
}

void bit_wire_limit(struct bit_wire *w, uint32_t plain_max)
{
    w->in.plain_max = BIT_MIN(plain_max, BIT_SEAL_PLAIN_MAX);
}

/* ---- writing */

static void free_write(struct bit_wire_write *out)
{
    if (out == NULL)
        return;
    free(out->frame);
    bit_payload_destroy(out->payload);
    free(out);
}

/* If the other side closed, what it sent before is still read, and its end ends the connection. */
static void not_taken(struct bit_wire *w, int err)
{
    bit_fail(err, "%s", uv_strerror(err));
    if (err != UV_EPIPE && err != UV_ECONNRESET)
        tell_broken(w, err);
}

static void on_written(uv_write_t *req, int status)
{
    struct bit_wire *w = req->handle->data;

    free_write((struct bit_wire_write *)req);
    if (w->closing)
        return;
    if (status < 0) {
        not_taken(w, status);
    } else {
        w->ops->sent(w->arg);
    }
}

static int seal_some(struct bit_wire *w);

static void on_record_written(uv_write_t *req, int status)
{
    struct record *r = (struct record *)req;
    struct bit_wire *w = req->handle->data;

    w->flight_bytes -= r->bytes;
    free(r);
    if (w->closing)
        return;
    if (status < 0) {
        not_taken(w, status);
        return;
    }
    status = seal_some(w);
    bool some_left = w->some_left;
    w->some_left = false;
    if (status < 0)
        tell_broken(w, status);
    else if (some_left)
        w->ops->sent(w->arg);
}

/* Skip what was sealed, and free a message that is sealed completely. */
static void advance(struct bit_wire *w, size_t bytes)
{
    struct bit_wire_write *out = w->first;

    w->queued_bytes -= bytes;
    out->byte_at += bytes;
    if (out->byte_at < out->bufs[out->buf_at].len)
        return;
    out->byte_at = 0;
    if (++out->buf_at < out->buf_count)
        return;
    w->first = out->next;
    if (w->first == NULL)
        w->last = &w->first;
    w->some_left = true;
    free_write(out);
}

static int seal_one(struct bit_wire *w)
{
    const struct bit_wire_write *out = w->first;
    const uv_buf_t *from = &out->bufs[out->buf_at];
    size_t bytes = BIT_MIN(from->len - out->byte_at, (size_t)BIT_SEAL_PLAIN_MAX);
    struct record *r = malloc(sizeof *r + bytes + BIT_SEAL_OVERHEAD);

    if (r == NULL)
        return bit_fail(-ENOMEM, "a record of %zu bytes", bytes);
    r->bytes = bit_sealer_seal(&w->out, from->base + out->byte_at, bytes, r->data);
    advance(w, bytes);
    uv_buf_t buf = uv_buf_init((char *)r->data, (unsigned)r->bytes);
    int err = uv_write(&r->req, &w->io.stream, &buf, 1, on_record_written);
    if (err < 0) {
        free(r);
        return bit_fail(err, "%s", uv_strerror(err));
    }
    w->flight_bytes += r->bytes;
    return 0;
}

/* Seal one record at a time, and no more than the kernel will soon accept: sealing 8 MiB at once would block the
 * loop. */
static int seal_some(struct bit_wire *w)
{
    int err = 0;

    while (err == 0 && w->first != NULL && w->flight_bytes < FLIGHT_MAX)
        err = seal_one(w);
    return err;
}

static struct bit_wire_write *new_write(uint8_t *frame, size_t bytes, struct bit_payload *payload)
{
    size_t pieces = payload ? payload->frame_count : 0;
    struct bit_wire_write *out = calloc(1, sizeof *out + (1 + 2 * pieces) * sizeof out->bufs[0]);

    if (out == NULL) {
        free(frame);
        bit_payload_destroy(payload);
        return NULL;
    }
    out->frame = frame;
    out->payload = payload;
    out->buf_count = 1 + 2 * (unsigned)pieces;
    out->bufs[0] = uv_buf_init((char *)frame, (unsigned)bytes);
    for (size_t i = 0; i < pieces; i++) {
        out->bufs[1 + 2 * i] = uv_buf_init((char *)payload->headers + i * BIT_FRAME_HEADER_BYTES,
                                           BIT_FRAME_HEADER_BYTES);
        out->bufs[2 + 2 * i] = uv_buf_init((char *)payload->bytes + i * BIT_PAYLOAD_CHUNK,
                                           (unsigned)bit_payload_piece_bytes(payload, i));
    }
    return out;
}

int bit_wire_send(struct bit_wire *w, uint8_t *frame, size_t bytes, struct bit_payload *payload)
{
    struct bit_wire_write *out = new_write(frame, bytes, payload);

    if (out == NULL)
        return bit_fail(-ENOMEM, "a message of %zu bytes", bytes);
    BIT_ASSERT(!w->closing && (w->stage == BIT_WIRE_BARE || w->stage == BIT_WIRE_SEALED));
    if (w->stage == BIT_WIRE_BARE) {
        int err = uv_write(&out->req, &w->io.stream, out->bufs, out->buf_count, on_written);
        if (err < 0)
            free_write(out);
        return err < 0 ? bit_fail(err, "%s", uv_strerror(err)) : 0;
    }
    for (unsigned i = 0; i < out->buf_count; i++)
        w->queued_bytes += out->bufs[i].len;
    *w->last = out;
    w->last = &out->next;
    return seal_some(w);
}

size_t bit_wire_queued(const struct bit_wire *w)
{
    return uv_stream_get_write_queue_size(&w->io.stream) + w->queued_bytes;
}

/* ---- closing */

static void close_now(void *arg)
{
    struct bit_wire *w = arg;

    uv_close(&w->io.handle, w->closed);
}

void bit_wire_close(struct bit_wire *w, uv_close_cb closed)
{
    BIT_ASSERT(!w->closing);
    w->closing = true;
    w->closed = closed;
    while (w->first != NULL) {
        struct bit_wire_write *next = w->first->next;
        free_write(w->first);
        w->first = next;
    }
    w->last = &w->first;
    w->queued_bytes = w->plain_bytes = 0;
    bit_opener_finish(&w->in);
    sodium_memzero(&w->out, sizeof w->out);
    sodium_memzero(w->in_key, sizeof w->in_key);
    bit_turn_share_cancel(w->share, &w->waiter);
    w->waiter.go_on = close_now;
    if (!bit_turn_share_is_used(w->share)) {
        close_now(w);
        return;
    }
    uv_read_stop(&w->io.stream);
    bit_turn_share_wait(w->share, &w->waiter);
}
