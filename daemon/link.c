#include "daemon/link.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/peer.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/msg.h"

BIT_LOG_TOPIC("link");

#define HELLO_MS     5000        /* to say who it is */
#define UNPROVEN_MAX 64          /* links that have not */
#define UP_BODY_MAX  (32u << 10) /* what a worker says is short, and fits a journal record */

struct bit_link {
    uv_pipe_t pipe;
    uv_timer_t hello_timer;
    struct bit_link_listener *listener;
    struct bit_link *next, **back; /* in listener->links */
    struct bit_frame_reader reader;
    void *owner; /* NULL before hello */
    uint64_t epoch;
    bool proven, closing, held;
    int handles; /* not closed yet */
};

/* One message with its payload on the way out. */
struct write {
    uv_write_t req;
    uint8_t *frame;
    struct bit_payload *payload;
    uv_buf_t bufs[]; /* the frame, then header and piece by turns */
};

static void on_closed(uv_handle_t *handle)
{
    struct bit_link *link = handle->data;
    if (--link->handles > 0)
        return;
    bit_frame_reader_finish(&link->reader);
    free(link);
}

void bit_link_close(struct bit_link *link)
{
    if (link->closing)
        return;
    link->closing = true;
    link->listener->unproven -= !link->proven;
    *link->back = link->next;
    if (link->next != NULL)
        link->next->back = link->back;
    uv_close((uv_handle_t *)&link->pipe, on_closed);
    uv_close((uv_handle_t *)&link->hello_timer, on_closed);
}

/* The world closed it. */
static void drop(struct bit_link *link, int err, const char *why)
{
    if (link->closing)
        return;
    if (err != UV_EOF)
        bit_warn("dropped", "text=%s", why);
    bit_link_close(link);
    if (link->proven)
        link->listener->ops->lost(link->owner, err);
}

static int take_hello(struct bit_link *link, const struct bit_frame *frame)
{
    ProtobufCMessage *msg = NULL;
    if (frame->type != BIT_MSG_WORKER_HELLO)
        return bit_fail(BIT_EAUTH, "%s before a hello", bit_msg_name(frame->type));
    int err = bit_msg_decode(BIT_CHANNEL_LINK_UP, frame->type, frame->body, frame->body_bytes, &msg);
    if (err < 0)
        return err;
    const struct bit_link_ops *ops = link->listener->ops;
    err = ops->hello(link->listener->arg, link, frame->epoch, (const Bit__WorkerHello *)msg);
    bit_msg_free(msg);
    BIT_ASSERT(err < 0 || link->proven);
    return err;
}

int bit_link_welcome(struct bit_link *link, void *owner, uint64_t epoch, const Bit__Welcome *welcome)
{
    BIT_ASSERT(!link->proven);
    link->epoch = epoch;
    int err = bit_link_send(link, BIT_MSG_WELCOME, welcome, NULL);
    if (err < 0)
        return err;
    link->owner = owner;
    link->proven = true;
    link->listener->unproven--;
    link->reader.body_max = UP_BODY_MAX;
    uv_timer_stop(&link->hello_timer);
    return 0;
}

static int take_message(struct bit_link *link, const struct bit_frame *frame)
{
    ProtobufCMessage *msg = NULL;
    if (frame->epoch != link->epoch)
        return bit_fail(BIT_EEPOCH, "%s of launch %llu on the link of %llu", bit_msg_name(frame->type),
                        (unsigned long long)frame->epoch, (unsigned long long)link->epoch);
    if (frame->type == BIT_MSG_WORKER_HELLO)
        return bit_fail(BIT_EMESSAGE, "a second hello");
    int err = bit_msg_decode(BIT_CHANNEL_LINK_UP, frame->type, frame->body, frame->body_bytes, &msg);
    if (err < 0)
        return err;
    link->listener->ops->message(link->owner, frame->type, msg);
    bit_msg_free(msg);
    return 0;
}

/* Stops where the owner holds or closes the link in between. */
static void take_frames(struct bit_link *link)
{
    struct bit_frame frame;
    while (!link->closing && !link->held) {
        int err = bit_frame_reader_next(&link->reader, &frame);
        if (err == 0)
            return;
        if (err > 0)
            err = link->proven ? take_message(link, &frame) : take_hello(link, &frame);
        if (err < 0)
            drop(link, err, bit_fail_text());
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct bit_link *link = handle->data;
    uint8_t *room;
    size_t bytes;
    if (bit_frame_reader_reserve(&link->reader, &room, &bytes) < 0)
        *buf = uv_buf_init(NULL, 0);
    else
        *buf = uv_buf_init((char *)room, (unsigned)bytes);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct bit_link *link = stream->data;
    if (n < 0) {
        drop(link, (int)n, uv_strerror((int)n));
        return;
    }
    bit_frame_reader_commit(&link->reader, (size_t)n);
    take_frames(link);
}

static void on_hello_late(uv_timer_t *timer)
{
    drop(timer->data, BIT_ETIMEOUT, "no hello in time");
}

static void on_connection(uv_stream_t *server, int status)
{
    struct bit_link_listener *l = server->data;
    struct bit_link *link = status < 0 ? NULL : calloc(1, sizeof *link);
    if (link == NULL)
        return;
    link->listener = l;
    bit_frame_reader_init(&link->reader, BIT_HELLO_BODY_MAX);
    uv_pipe_init(server->loop, &link->pipe, 0);
    uv_timer_init(server->loop, &link->hello_timer);
    link->pipe.data = link->hello_timer.data = link;
    link->handles = 2;
    link->next = l->links;
    link->back = &l->links;
    if (l->links != NULL)
        l->links->back = &link->next;
    l->links = link;
    l->unproven++;
    struct bit_peer peer;
    int err = uv_accept(server, (uv_stream_t *)&link->pipe);
    if (err == 0)
        err = bit_peer_get(&link->pipe, &peer);
    if (err == 0 && !bit_peer_is_owner(&peer))
        err = BIT_EAUTH;
    if (err < 0 || l->unproven > UNPROVEN_MAX) {
        bit_link_close(link);
        return;
    }
    uv_timer_start(&link->hello_timer, on_hello_late, HELLO_MS, 0);
    uv_read_start((uv_stream_t *)&link->pipe, on_alloc, on_read);
}

int bit_link_listen(struct bit_link_listener *l, uv_loop_t *loop, const char *path, const struct bit_link_ops *ops,
                    void *arg)
{
    *l = (struct bit_link_listener){.ops = ops, .arg = arg};
    int err = bit_peer_listen(loop, &l->pipe, path, 0600, -1, on_connection);
    l->pipe.data = l;
    return err;
}

void bit_link_listener_close(struct bit_link_listener *l)
{
    while (l->links != NULL)
        bit_link_close(l->links);
    uv_close((uv_handle_t *)&l->pipe, NULL);
}

/* ---------------------------------------------------------------- sending */

static void free_write(struct write *w)
{
    free(w->frame);
    bit_payload_destroy(w->payload);
    free(w);
}

static void on_written(uv_write_t *req, int status)
{
    struct bit_link *link = req->handle->data;
    free_write((struct write *)req);
    if (link->closing)
        return;
    if (status < 0)
        drop(link, status, uv_strerror(status));
    else if (link->proven)
        link->listener->ops->drained(link->owner);
}

static struct write *new_write(struct bit_payload *payload)
{
    size_t pieces = payload ? payload->frame_count : 0;
    struct write *w = calloc(1, sizeof *w + (1 + 2 * pieces) * sizeof w->bufs[0]);
    if (w == NULL) {
        bit_payload_destroy(payload);
        return NULL;
    }
    w->payload = payload;
    for (size_t i = 0; i < pieces; i++) {
        w->bufs[1 + 2 * i] = uv_buf_init((char *)payload->headers + i * BIT_FRAME_HEADER_BYTES, BIT_FRAME_HEADER_BYTES);
        w->bufs[2 + 2 * i] = uv_buf_init((char *)payload->bytes + i * BIT_PAYLOAD_CHUNK,
                                         (unsigned)bit_payload_piece_bytes(payload, i));
    }
    return w;
}

int bit_link_send(struct bit_link *link, uint16_t type, const void *msg, struct bit_payload *payload)
{
    BIT_ASSERT(!link->closing && (payload == NULL || payload->frame_count > 0));
    size_t bytes = 0;
    unsigned bufs = payload ? 1 + 2 * (unsigned)payload->frame_count : 1;
    struct write *w = new_write(payload);
    int err = w == NULL ? bit_fail(-ENOMEM, "an order") : bit_msg_encode(type, link->epoch, msg, &w->frame, &bytes);
    if (err == 0) {
        w->bufs[0] = uv_buf_init((char *)w->frame, (unsigned)bytes);
        err = uv_write(&w->req, (uv_stream_t *)&link->pipe, w->bufs, bufs, on_written);
    }
    if (err == 0)
        return 0;
    if (w != NULL)
        free_write(w);
    bit_link_close(link);
    return err;
}

size_t bit_link_queued(const struct bit_link *link)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&link->pipe);
}

void bit_link_hold(struct bit_link *link, bool hold)
{
    if (link->closing || link->held == hold)
        return;
    link->held = hold;
    if (hold) {
        uv_read_stop((uv_stream_t *)&link->pipe);
        return;
    }
    uv_read_start((uv_stream_t *)&link->pipe, on_alloc, on_read);
    take_frames(link); /* what had arrived before */
}
