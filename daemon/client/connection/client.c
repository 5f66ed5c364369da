#include "daemon/client/connection/client.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sys/sockets/passed_fds.h"
#include "proto/check.h"
#include "proto/dryrun/refusal.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("client");

#define CLOSE_AGAIN_MS 1000
#define DROPS_TOLD_MAX 10 /* lines a second, so that a client that keeps reconnecting does not fill the log's disk */

struct write {
    uv_write_t req;
    uint8_t *frame;
};

/* ---- life of a client */

static uv_os_fd_t socket_of(const struct bit_client *c)
{
    uv_os_fd_t fd = -1;

    (void)uv_fileno((const uv_handle_t *)&c->pipe, &fd); /* fails if it was never accepted */
    return fd;
}

struct bit_client *bit_client_create(struct bit_clients *all, uv_stream_t *server)
{
    struct bit_client *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->all = all;
    bit_frame_reader_init(&c->reader, BIT_FRAME_BODY_MAX);
    uv_pipe_init(server->loop, &c->pipe, 0);
    uv_timer_init(server->loop, &c->timer);
    c->pipe.data = c->timer.data = c;
    c->handles = 2;
    c->next = all->first;
    c->back = &all->first;
    if (all->first != NULL)
        all->first->back = &c->next;
    all->first = c;
    return c;
}

int bit_client_accept(struct bit_client *c, uv_stream_t *server)
{
    int err = uv_accept(server, (uv_stream_t *)&c->pipe);

    if (err < 0)
        return bit_fail(err, "taking a connection: %s", uv_strerror(err));
    bit_passed_fds_refuse(socket_of(c)); /* in case it is not inherited from the listening socket */
    return 0;
}

static void let_go(struct bit_client *c)
{
    if (--c->handles > 0)
        return;
    *c->back = c->next;
    if (c->next != NULL)
        c->next->back = c->back;
    bit_frame_reader_finish(&c->reader);
    free(c);
}

static void on_closed(uv_handle_t *handle)
{
    let_go(handle->data);
}

static void close_left(struct bit_user_task *job)
{
    const struct bit_client *c = job->data;

    close(c->left_fd);
}

static void on_left(struct bit_user_task *job)
{
    let_go(job->data);
}

static void on_close_again(uv_timer_t *timer);

/* If closing may take long, the descriptor is duplicated first: libuv closes its own, and a thread closes the copy. */
static void close_socket(struct bit_client *c)
{
    int fd = socket_of(c);
    bool slow = fd >= 0 && bit_passed_fds_shut(fd);

    c->left_fd = slow ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (slow && c->left_fd < 0) {
        uv_timer_start(&c->timer, on_close_again, CLOSE_AGAIN_MS, 0); /* until there is a free descriptor */
        return;
    }
    uv_close((uv_handle_t *)&c->pipe, on_closed);
    uv_close((uv_handle_t *)&c->timer, on_closed);
    if (!slow)
        return;
    c->left = (struct bit_user_task){.uid = c->peer.uid, .data = c, .work = close_left, .done = on_left};
    c->handles++;
    bit_user_threads_start(c->all->user_threads, &c->left);
}

static void on_close_again(uv_timer_t *timer)
{
    close_socket(timer->data);
}

void bit_client_close(struct bit_client *c)
{
    if (c->closing)
        return;
    c->closing = true;
    c->all->ops->gone(c);
    uv_read_stop((uv_stream_t *)&c->pipe);
    close_socket(c);
}

static void tell_drop(struct bit_client *c, const char *why)
{
    struct bit_clients *s = c->all;
    uint64_t now_ms = uv_now(c->pipe.loop);

    if (now_ms - s->dropped_ms >= 1000) {
        s->dropped_ms = now_ms;
        s->told = 0;
    }
    if (s->told == DROPS_TOLD_MAX) {
        s->untold++;
        return;
    }
    s->told++;
    if (s->untold > 0)
        bit_warn("clients dropped", "untold=%u", s->untold);
    s->untold = 0;
    bit_warn("client dropped", "pid=%d uid=%u text=%s", c->peer.pid, c->peer.uid, why);
}

void bit_client_drop(struct bit_client *c, const char *why)
{
    tell_drop(c, why);
    bit_client_close(c);
}

void bit_client_turn_away(struct bit_client *c, const char *why)
{
    tell_drop(c, why);
    bit_client_refuse(c, BIT_EBUSY, "%s", why);
    bit_client_leave(c);
}

/* ---- reading */

static void on_half_frame(uv_timer_t *timer)
{
    bit_client_drop(timer->data, "an incomplete frame, and no more data within client_timeout");
}

static void watch_half_frame(struct bit_client *c)
{
    bool half = c->reader.bytes > c->reader.taken;

    if (!half)
        uv_timer_stop(&c->timer);
    else if (!uv_is_active((uv_handle_t *)&c->timer))
        uv_timer_start(&c->timer, on_half_frame, c->all->env->config->client_ms, 0);
}

/*
 * libuv asks for a buffer right before it reads. It gets exactly the size of what was peeked at, because data that
 * arrives later may bring a descriptor; and no buffer if there is nothing, or if the data is diverted.
 */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct bit_client *c = handle->data;
    uint8_t *room = NULL;
    size_t bytes = 0;
    int err = bit_frame_reader_reserve(&c->reader, &room, &bytes);

    c->seen = err < 0 ? err : bit_passed_fds_look(socket_of(c), room, bytes);
    bool end = c->seen == 0;
    if (c->seen < 0 || c->diverted != NULL)
        *buf = uv_buf_init(NULL, 0);
    else
        *buf = uv_buf_init((char *)room, end ? 1 : (unsigned)c->seen);
}

static void on_nothing_read(struct bit_client *c)
{
    if (c->seen == -EAGAIN)
        return;
    if (c->diverted != NULL)
        c->diverted(c->diverted_to);
    else if (c->seen == BIT_EMESSAGE)
        bit_client_drop(c, bit_fail_text());
    else
        bit_client_close(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct bit_client *c = stream->data;
    struct bit_frame frame;
    int err = 0;

    if (n == UV_ENOBUFS)
        on_nothing_read(c);
    else if (n < 0)
        bit_client_close(c);
    if (n < 0)
        return;
    bit_frame_reader_commit(&c->reader, (size_t)n);
    while (!c->closing && (err = bit_frame_reader_next(&c->reader, &frame)) > 0)
        if ((err = c->all->ops->frame(c, &frame)) < 0)
            break;
    if (c->closing)
        return;
    if (err < 0)
        bit_client_drop(c, bit_fail_text());
    else
        watch_half_frame(c);
}

void bit_client_read(struct bit_client *c, bool on)
{
    if (c->closing)
        return;
    if (on)
        uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
    else
        uv_read_stop((uv_stream_t *)&c->pipe);
}

void bit_client_divert(struct bit_client *c, void (*taken)(void *to), void *to)
{
    c->diverted = taken;
    c->diverted_to = to;
}

static void on_not_taken(uv_timer_t *timer)
{
    bit_client_drop(timer->data, "it did not read its last answer");
}

void bit_client_leave(struct bit_client *c)
{
    if (c->closing)
        return;
    bit_client_read(c, false);
    c->leaving = true;
    uv_timer_start(&c->timer, on_not_taken, c->all->env->config->client_ms, 0);
}

/* ---- answering */

size_t bit_client_queued(const struct bit_client *c)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&c->pipe);
}

static void on_written(uv_write_t *req, int status)
{
    struct write *w = (struct write *)req;
    struct bit_client *c = req->handle->data;

    free(w->frame);
    free(w);
    if (c->closing)
        return;
    if (status < 0 || (c->leaving && bit_client_queued(c) == 0))
        bit_client_close(c);
    else
        c->all->ops->sent(c);
}

/* Takes ownership of frames in every case. */
static int queue_frames(struct bit_client *c, uint8_t *frames, size_t bytes)
{
    struct write *w = calloc(1, sizeof *w);
    int err = w == NULL ? bit_fail(-ENOMEM, "an answer") : 0;

    if (err == 0 && bit_client_queued(c) + bytes > BIT_CLIENT_OUTPUT_MAX)
        err = bit_fail(BIT_ELIMIT, "it does not read its answers");
    if (err == 0) {
        uv_buf_t buf = uv_buf_init((char *)frames, (unsigned)bytes);
        w->frame = frames;
        err = uv_write(&w->req, (uv_stream_t *)&c->pipe, &buf, 1, on_written);
        if (err < 0)
            bit_fail(err, "answering");
    }
    if (err < 0) {
        free(frames);
        free(w);
    }
    return err;
}

void bit_client_send_frames(struct bit_client *c, uint8_t *frames, size_t bytes)
{
    if (c->closing)
        free(frames);
    else if (queue_frames(c, frames, bytes) < 0)
        bit_client_drop(c, bit_fail_text());
}

/* Answers with an error in place of a message that cannot be encoded, and ends a stream. The client may ask again. */
static void refuse_unsayable(struct bit_client *c, int err, const char *name)
{
    char why[BIT_ERR_TEXT_MAX];

    bit_format(why, sizeof why, "%s", bit_fail_text());
    bit_error("not sayable", "pid=%d uid=%u message=%s text=%s", c->peer.pid, c->peer.uid, name, why);
    c->all->ops->stuck(c);
    bit_client_refuse(c, err, "bitd has an answer (%s) that cannot be sent: %s", name, why);
}

void bit_client_send(struct bit_client *c, uint16_t type, const void *msg)
{
    uint8_t *frame = NULL;
    size_t bytes = 0;

    if (c->closing)
        return;
    int err = bit_msg_encode(type, 0, msg, &frame, &bytes);
    if ((err == BIT_EMESSAGE || err == BIT_ELIMIT) && type != BIT_MSG_ERROR_REPLY)
        refuse_unsayable(c, err, bit_msg_name(type));
    else if (err < 0)
        bit_client_drop(c, bit_fail_text());
    else
        bit_client_send_frames(c, frame, bytes);
}

void bit_client_note(struct bit_client *c, char *text)
{
    Bit__NoteReply m = BIT__NOTE_REPLY__INIT;

    m.text = text;
    bit_client_send(c, BIT_MSG_NOTE_REPLY, &m);
}

void bit_client_end(struct bit_client *c)
{
    c->busy = false;
}

void bit_client_refuse_problems(struct bit_client *c, int err, const struct bit_problems *problems)
{
    struct bit_refusal refusal;

    bit_refusal_make(&refusal, err, problems);
    bit_client_send(c, BIT_MSG_ERROR_REPLY, &refusal.m);
    bit_client_end(c);
}

void bit_client_refuse(struct bit_client *c, int err, const char *fmt, ...)
{
    Bit__ErrorReply m = BIT__ERROR_REPLY__INIT;
    char text[2 * BIT_ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    bit_vformat(text, sizeof text, fmt, args);
    va_end(args);
    m.error = err;
    m.exit_code = bit_exit_code(err);
    m.text = text;
    bit_client_send(c, BIT_MSG_ERROR_REPLY, &m);
    bit_client_end(c);
}
