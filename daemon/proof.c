#include "daemon/proof.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/server.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/msg.h"
#include "proto/spec.h"

struct bit_proof {
    struct bit_client *client; /* its pipe is not read meanwhile */
    uv_poll_t poll;            /* on a descriptor of our own for the same connection */
    uv_timer_t timer;
    int fd, handles;
    const Bit__RunSpec *spec;
    struct bit_proven *files;
    size_t count, at, batch; /* in all; proven; asked for now */
    int received[BIT_PROVE_BATCH];
    size_t received_count;
    bit_proof_done *done; /* NULL once it was called, or must not be */
    void *arg;
};

bool bit_proof_needed(const struct bit_peer *peer)
{
    return peer->uid != geteuid() && peer->uid != 0;
}

static void close_received(struct bit_proof *p)
{
    for (size_t i = 0; i < p->received_count; i++)
        close(p->received[i]);
    p->received_count = 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct bit_proof *p = handle->data;
    if (--p->handles > 0)
        return;
    close(p->fd);
    free(p->files);
    free(p);
}

void bit_proof_destroy(struct bit_proof *p)
{
    if (p == NULL)
        return;
    close_received(p);
    p->done = NULL;
    uv_close((uv_handle_t *)&p->poll, on_closed);
    uv_close((uv_handle_t *)&p->timer, on_closed);
}

static void finish(struct bit_proof *p, int err)
{
    bit_proof_done *done = p->done;
    uv_poll_stop(&p->poll);
    uv_timer_stop(&p->timer);
    close_received(p);
    p->done = NULL;
    bit_client_read(p->client, true);
    done(p->arg, err);
}

/* ---------------------------------------------------------------- what came */

static int note_file(struct bit_proof *p, size_t i, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return bit_fail(-errno, "%s: %s", bit_spec_path(p->spec, i), strerror(errno));
    if (!S_ISREG(st.st_mode))
        return bit_fail(BIT_EDATA, "%s: no regular file", bit_spec_path(p->spec, i));
    p->files[i] = (struct bit_proven){.device = st.st_dev, .inode = st.st_ino};
    return 0;
}

static int take_reply(struct bit_proof *p, const Bit__ProveReply *m)
{
    size_t used = 0;
    int err = 0;
    if (m->first != p->at || m->n_error != p->batch)
        return bit_fail(BIT_EMESSAGE, "a proof of other files than were asked for");
    for (size_t i = 0; i < p->batch && err == 0; i++) {
        if (m->error[i] != 0)
            err = bit_fail(BIT_EAUTH, "uid %u may not read %s: %s", p->client->peer.uid,
                           bit_spec_path(p->spec, p->at + i), strerror(m->error[i] < 0 ? -m->error[i] : m->error[i]));
        else if (used == p->received_count)
            err = bit_fail(BIT_EMESSAGE, "a proof without a descriptor");
        else
            err = note_file(p, p->at + i, p->received[used++]);
    }
    if (err == 0 && used != p->received_count)
        err = bit_fail(BIT_EMESSAGE, "a proof with a descriptor too many");
    close_received(p);
    return err;
}

/* Descriptors travel with the bytes of their frame; more than a batch has is nobody's mistake but a stranger's. */
static int keep_descriptors(struct bit_proof *p, struct msghdr *msg)
{
    int err = (msg->msg_flags & MSG_CTRUNC) != 0 ? bit_fail(BIT_ELIMIT, "too many descriptors") : 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
            int fd;
            memcpy(&fd, (const uint8_t *)c + at, sizeof fd);
            if (p->received_count < BIT_PROVE_BATCH) {
                p->received[p->received_count++] = fd;
            } else {
                close(fd);
                err = bit_fail(BIT_ELIMIT, "too many descriptors");
            }
        }
    }
    return err;
}

/* 1 when something came, 0 for nothing yet. */
static int receive(struct bit_proof *p)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(BIT_PROVE_BATCH * sizeof(int))];
    } control;
    struct iovec iov;
    uint8_t *room;
    int err = bit_frame_reader_reserve(&p->client->reader, &room, &iov.iov_len);
    if (err < 0)
        return err;
    iov.iov_base = room;
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(p->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n < 0)
        return bit_fail(-errno, "proving: %s", strerror(errno));
    if (n == 0)
        return bit_fail(BIT_EAUTH, "the client left before it had proven what it may read");
    bit_frame_reader_commit(&p->client->reader, (size_t)n);
    err = keep_descriptors(p, &msg);
    return err < 0 ? err : 1;
}

static int take_frame(struct bit_proof *p, const struct bit_frame *frame)
{
    ProtobufCMessage *msg = NULL;
    if (frame->type != BIT_MSG_PROVE_REPLY || frame->epoch != 0)
        return bit_fail(BIT_EMESSAGE, "%s where a proof belongs", bit_msg_name(frame->type));
    int err = bit_msg_decode(BIT_CHANNEL_CLIENT_REQUEST, frame->type, frame->body, frame->body_bytes, &msg);
    if (err == 0)
        err = take_reply(p, (const Bit__ProveReply *)msg);
    bit_msg_free(msg);
    return err;
}

/* ---------------------------------------------------------------- asking */

static void ask(struct bit_proof *p)
{
    Bit__ProveRequest m = BIT__PROVE_REQUEST__INIT;
    p->batch = BIT_MIN(p->count - p->at, (size_t)BIT_PROVE_BATCH);
    m.first = p->at;
    m.count = (uint32_t)p->batch;
    uv_timer_again(&p->timer);
    bit_client_send(p->client, BIT_MSG_PROVE_REQUEST, &m);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct bit_proof *p = poll->data;
    struct bit_frame frame;
    int err = status < 0 ? bit_fail(status, "proving: %s", uv_strerror(status)) : receive(p);
    if (err > 0)
        err = bit_frame_reader_next(&p->client->reader, &frame);
    if (err > 0) {
        err = take_frame(p, &frame);
        p->at += err == 0 ? p->batch : 0;
        if (err == 0 && p->at < p->count) {
            ask(p);
            return;
        }
        finish(p, err);
    } else if (err < 0) {
        finish(p, err);
    }
}

static void on_late(uv_timer_t *timer)
{
    finish(timer->data, bit_fail(BIT_ETIMEOUT, "the client did not prove what it may read in time"));
}

static int open_poll(struct bit_proof *p, uv_loop_t *loop)
{
    uv_os_fd_t fd;
    int err = uv_fileno((const uv_handle_t *)&p->client->pipe, &fd);
    if (err < 0)
        return bit_fail(err, "proving: %s", uv_strerror(err));
    p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* libuv has one watcher for a descriptor */
    if (p->fd < 0)
        return bit_fail(-errno, "proving: %s", strerror(errno));
    err = uv_poll_init(loop, &p->poll, p->fd);
    if (err == 0)
        return 0;
    close(p->fd);
    return bit_fail(err, "proving: %s", uv_strerror(err));
}

int bit_proof_start(struct bit_client *c, const Bit__RunSpec *spec, bit_proof_done *done, void *arg,
                    struct bit_proof **out)
{
    uint64_t wait_ms = c->server->daemon->config.client_ms;
    struct bit_proof *p = calloc(1, sizeof *p);
    if (p == NULL)
        return bit_fail(-ENOMEM, "a proof");
    *p = (struct bit_proof){.client = c, .spec = spec, .done = done, .arg = arg, .handles = 2};
    while (bit_spec_path(spec, p->count) != NULL)
        p->count++;
    p->files = calloc(p->count + 1, sizeof *p->files);
    int err = p->files == NULL ? bit_fail(-ENOMEM, "a proof of %zu files", p->count) : open_poll(p, c->pipe.loop);
    if (err < 0) {
        free(p->files);
        free(p);
        return err;
    }
    uv_timer_init(c->pipe.loop, &p->timer);
    p->poll.data = p->timer.data = p;
    bit_client_read(c, false);
    uv_timer_start(&p->timer, on_late, wait_ms, wait_ms);
    uv_poll_start(&p->poll, UV_READABLE | UV_DISCONNECT, on_readable);
    *out = p;
    ask(p); /* a valid spec names a file at least */
    return 0;
}

const struct bit_proven *bit_proof_files(const struct bit_proof *p, size_t *count)
{
    *count = p->count;
    return p->files;
}

int bit_proof_check(const struct bit_proof *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const char *path = bit_spec_path(p->spec, i);
        struct stat st;
        if (stat(path, &st) < 0)
            return bit_fail(-errno, "%s: %s", path, strerror(errno));
        if (st.st_dev != p->files[i].device || st.st_ino != p->files[i].inode)
            return bit_fail(BIT_EAUTH, "%s: is another file for this bitd than for who submitted it", path);
    }
    return 0;
}
