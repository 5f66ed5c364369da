#include "worker/link/link_socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/address.h"
#include "proto/wire/socket_path.h"

#define WRITE_TIMEOUT_MS 60000 /* a daemon that reads nothing for so long counts as gone */
#define UNANSWERED_MS    30000 /* and so does a host that acknowledges nothing */
#define KEEPALIVE_S      10    /* seconds of silence before a probe, and between probes */
#define PROBES           3     /* unanswered probes: between orders the daemon may be silent, but its host answers */

void bit_link_socket_init(struct bit_link_socket *s)
{
    *s = (struct bit_link_socket){.fd = -1};
}

static void set_time(int fd, int option, int64_t ms)
{
    const struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    setsockopt(fd, SOL_SOCKET, option, &limit, sizeof limit);
}

void bit_link_socket_limit(struct bit_link_socket *s, int64_t ms)
{
    set_time(s->fd, SO_RCVTIMEO, ms);
}

static int open_unix(struct bit_link_socket *s, const char *path)
{
    struct bit_socket_path to;
    int err = bit_socket_path_init(path, &to);

    if (err < 0)
        return err;
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0) {
        err = bit_fail(-errno, "socket");
    } else {
        set_time(s->fd, SO_SNDTIMEO, WRITE_TIMEOUT_MS);
        if (connect(s->fd, (const struct sockaddr *)&to.address, sizeof to.address) < 0)
            err = bit_fail(-errno, "connecting to '%s'", path);
    }
    bit_socket_path_finish(&to);
    return err;
}

/* ---- over TCP */

static void set_tcp_options(int fd)
{
    const int on = 1, idle = KEEPALIVE_S, probes = PROBES;
    const unsigned unanswered_ms = UNANSWERED_MS;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof unanswered_ms);
}

/* Linux limits connect(2) by SO_SNDTIMEO. */
static int connect_one(struct bit_link_socket *s, const struct addrinfo *to, int64_t wait_ms)
{
    s->fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        return -errno;
    set_time(s->fd, SO_SNDTIMEO, wait_ms);
    if (connect(s->fd, to->ai_addr, to->ai_addrlen) == 0) {
        set_time(s->fd, SO_SNDTIMEO, WRITE_TIMEOUT_MS);
        set_tcp_options(s->fd);
        return 0;
    }
    int err = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
    close(s->fd);
    s->fd = -1;
    return err;
}

/* Tries each address of the name, in the resolver's order. */
static int connect_tcp(struct bit_link_socket *s, const char *where, int64_t wait_ms)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    struct bit_address a;
    char port[8];
    int err = bit_address_parse(where, &a);

    if (err < 0)
        return err;
    if (a.first == 0 || a.first != a.last || a.host[0] == '\0')
        return bit_fail(BIT_EUSAGE, "'%s': no host and port", where);
    snprintf(port, sizeof port, "%u", a.first);
    err = getaddrinfo(a.host, port, &hints, &found);
    if (err != 0) /* worth another attempt: a resolver may be down for a while */
        return bit_fail(BIT_EDAEMON, "'%s': %s", where, gai_strerror(err));
    err = -EHOSTUNREACH;
    for (const struct addrinfo *to = found; to != NULL && s->fd < 0; to = to->ai_next)
        err = connect_one(s, to, wait_ms);
    freeaddrinfo(found);
    return err < 0 ? bit_fail(err, "connecting to '%s': %s", where, strerror(-err)) : 0;
}

static int send_all(int fd, const uint8_t *data, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        ssize_t put = send(fd, data + at, bytes - at, MSG_NOSIGNAL);
        if (put < 0 && errno != EINTR)
            return bit_fail(-errno, "writing to bitd: %s", strerror(errno));
        at += put < 0 ? 0 : (size_t)put;
    }
    return 0;
}

static ssize_t receive_some(int fd, uint8_t *room, size_t bytes)
{
    ssize_t got;

    do {
        got = recv(fd, room, bytes, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return bit_fail(BIT_ETIMEOUT, "bitd did not answer in time");
    if (got < 0)
        return bit_fail(-errno, "reading from bitd: %s", strerror(errno));
    return got > 0 ? got : bit_fail(BIT_EDAEMON, "the link was closed by the other side");
}

static int receive_all(int fd, uint8_t *room, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        ssize_t got = receive_some(fd, room + at, bytes - at);
        if (got < 0)
            return (int)got;
        at += (size_t)got;
    }
    return 0;
}

static int shake_hands(struct bit_link_socket *s, const struct bit_launch_id *id)
{
    uint8_t answer[BIT_HANDSHAKE_ANSWER_BYTES], header[BIT_SEAL_HEADER_BYTES];
    struct bit_handshake h;

    s->record = malloc(BIT_SEAL_RECORD_MAX);
    if (s->record == NULL)
        return bit_fail(-ENOMEM, "the buffer of a sealed stream");
    bit_handshake_begin(&h, id);
    int err = send_all(s->fd, h.hello, sizeof h.hello);
    if (err == 0)
        err = receive_all(s->fd, answer, sizeof answer);
    if (err == 0)
        err = bit_handshake_finish(&h, answer, &s->out, header, &s->in);
    sodium_memzero(&h, sizeof h);
    if (err < 0)
        return err;
    s->sealed = true;
    return send_all(s->fd, header, sizeof header);
}

/* ---- both */

int bit_link_socket_open(struct bit_link_socket *s, const char *where, const struct bit_launch_id *id, int64_t wait_ms)
{
    bool is_path = bit_address_is_path(where);
    int err = is_path ? open_unix(s, where) : connect_tcp(s, where, wait_ms);

    if (err == 0)
        bit_link_socket_limit(s, wait_ms);
    if (err == 0 && !is_path)
        err = shake_hands(s, id);
    if (err < 0)
        bit_link_socket_close(s);
    return err;
}

void bit_link_socket_close(struct bit_link_socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    free(s->record);
    bit_opener_finish(&s->in);
    sodium_memzero(&s->out, sizeof s->out);
    bit_link_socket_init(s);
}

void bit_link_socket_shutdown(struct bit_link_socket *s)
{
    if (s->fd >= 0)
        shutdown(s->fd, SHUT_RDWR);
}

int bit_link_socket_write(struct bit_link_socket *s, const uint8_t *data, size_t bytes)
{
    int err = 0;

    if (!s->sealed)
        return send_all(s->fd, data, bytes);
    for (size_t at = 0; at < bytes && err == 0;) {
        size_t some = BIT_MIN(bytes - at, (size_t)BIT_SEAL_PLAIN_MAX);
        err = send_all(s->fd, s->record, bit_sealer_seal(&s->out, data + at, some, s->record));
        at += some;
    }
    return err;
}

static int read_record(struct bit_link_socket *s)
{
    int err;

    while ((err = bit_opener_next(&s->in, &s->plain, &s->plain_bytes)) == 0) {
        size_t room_bytes;
        uint8_t *room = bit_opener_room(&s->in, &room_bytes);
        ssize_t got = receive_some(s->fd, room, room_bytes);
        if (got < 0)
            return (int)got;
        bit_opener_commit(&s->in, (size_t)got);
    }
    return err;
}

ssize_t bit_link_socket_read(struct bit_link_socket *s, uint8_t *room, size_t bytes)
{
    if (!s->sealed)
        return receive_some(s->fd, room, bytes);
    if (s->plain_bytes == 0) {
        int err = read_record(s);
        if (err < 0) {
            s->plain_bytes = 0;
            return err;
        }
    }
    bytes = BIT_MIN(bytes, s->plain_bytes);
    memcpy(room, s->plain, bytes);
    s->plain += bytes;
    s->plain_bytes -= bytes;
    return (ssize_t)bytes;
}
