#include "daemon/link/worker_link.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/link/endpoint.h"
#include "daemon/link/wire.h"
#include "daemon/sys/sockets/peer.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/log.h"
#include "proto/wire/msg.h"
#include "proto/wire/secret.h"

BIT_LOG_TOPIC("worker_link");

#define HELLO_MS        2000  /* over TCP: until the hello, proof included ... */
#define HELLO_MORE_MS   1     /* ... and for each expected rank: they connect at once, on cores that others use */
#define HELLO_LOCAL_MS  5000  /* on a Unix socket: until the hello */
#define UNPROVEN_MAX    64    /* of an inlet's links, besides those expected: the oldest is closed for a new one */
#define ACCEPT_RATE     5000  /* TCP connections per second, accepted or refused ... */
#define ACCEPT_BURST    512   /* ... and at once, besides those expected */
#define REFUSED_TOLD_MS 10000 /* refused connections are counted, and logged this often */

struct bit_worker_link {
    struct bit_wire wire;
    uv_timer_t hello_timer;
    struct bit_worker_link_inlet *inlet;
    struct bit_worker_link *next, **back; /* in listener->links */
    struct bit_frame_reader reader;
    const struct bit_worker_link_ops *ops; /* the owner's; NULL before the hello, like the next */
    void *owner;
    uint64_t epoch;
    bool proven, closing, held;
    int handles; /* not closed yet */
};

static struct bit_worker_link_listener *listener_of(const struct bit_worker_link *link)
{
    return link->inlet->listener;
}

/* ---- the end of a link */

static void destroy_when_closed(struct bit_worker_link *link)
{
    if (--link->handles > 0)
        return;
    bit_frame_reader_finish(&link->reader);
    free(link);
}

static void on_wire_closed(uv_handle_t *handle)
{
    struct bit_wire *wire = handle->data;

    destroy_when_closed(wire->arg);
}

static void on_timer_closed(uv_handle_t *handle)
{
    destroy_when_closed(handle->data);
}

void bit_worker_link_close(struct bit_worker_link *link)
{
    if (link->closing)
        return;
    link->closing = true;
    link->inlet->unproven -= !link->proven;
    *link->back = link->next;
    if (link->next != NULL)
        link->next->back = link->back;
    bit_wire_close(&link->wire, on_wire_closed);
    uv_close((uv_handle_t *)&link->hello_timer, on_timer_closed);
}

/* Not logged one by one: anybody can connect, and could fill the log. */
static void tell_refused(struct bit_worker_link *link, const char *why)
{
    struct bit_worker_link_listener *l = listener_of(link);
    uint64_t now_ms = uv_now(link->wire.io.handle.loop);
    char from[64];

    l->refused++;
    if (l->refused_told_ms != 0 && now_ms - l->refused_told_ms < REFUSED_TOLD_MS)
        return;
    bit_wire_peer(&link->wire, from, sizeof from);
    bit_warn("refused", "from=%s count=%" PRIu64 " text=%s", from, l->refused, why);
    l->refused_told_ms = now_ms;
}

/* The link ended, but was not closed by its owner. */
static void drop(struct bit_worker_link *link, int err, const char *why)
{
    if (link->closing)
        return;
    if (!link->proven)
        tell_refused(link, err == UV_EOF ? "closed before a hello" : why);
    else if (err <= BIT_EUSAGE || err == -EBADMSG)
        bit_warn("dropped", "text=%s", why);
    else if (err != UV_EOF) /* the owner knows whether it was expected: all ranks of a launch end at once */
        bit_debug("dropped", "text=%s", why);
    bit_worker_link_close(link);
    if (link->proven)
        link->ops->lost(link->owner, err);
}

/* ---- messages */

/* A hello holds the launch's secret, so the message and the bytes that it came in are wiped. */
static void forget_hello(const Bit__WorkerHello *hello, const struct bit_frame *frame)
{
    bit_secret_wipe(hello->secret.data, hello->secret.len);
    bit_secret_wipe((uint8_t *)(uintptr_t)frame->body, frame->body_bytes);
}

static int take_hello(struct bit_worker_link *link, const struct bit_frame *frame)
{
    ProtobufCMessage *msg = NULL;

    if (frame->type != BIT_MSG_WORKER_HELLO)
        return bit_fail(BIT_EAUTH, "%s before a hello", bit_msg_name(frame->type));
    int err = bit_msg_decode(BIT_CHANNEL_LINK_UP, frame->type, frame->body, frame->body_bytes, &msg);
    if (err < 0)
        return err;
    const struct bit_worker_link_listener *l = listener_of(link);
    err = l->ops->hello(l->arg, link, frame->epoch, (const Bit__WorkerHello *)msg);
    forget_hello((const Bit__WorkerHello *)msg, frame);
    bit_msg_free(msg);
    BIT_ASSERT(err < 0 || link->proven);
    return err;
}

static bool find_source(const struct bit_worker_link *link, struct sockaddr_storage *out)
{
    int bytes = sizeof *out;

    return link->inlet->tcp && uv_tcp_getpeername(&link->wire.io.tcp, (struct sockaddr *)out, &bytes) == 0;
}

/* The source's machine is a node of a job: later connections from it are always accepted. */
static void trust_source(const struct bit_worker_link *link)
{
    struct bit_worker_link_listener *l = link->inlet->listener;
    struct sockaddr_storage from;

    if (find_source(link, &from))
        bit_connection_rate_trust(&l->sources, (const struct sockaddr *)&from, 1 + uv_now(l->accept_timer.loop));
}

int bit_worker_link_welcome(struct bit_worker_link *link, const struct bit_worker_link_ops *ops, void *owner,
                            uint64_t epoch, const Bit__Welcome *welcome)
{
    BIT_ASSERT(!link->proven);
    link->epoch = epoch;
    int err = bit_worker_link_send(link, BIT_MSG_WELCOME, welcome, NULL);
    if (err < 0)
        return err;
    link->ops = ops;
    link->owner = owner;
    link->proven = true;
    trust_source(link);
    link->inlet->unproven--;
    link->reader.body_max = BIT_REPORT_BODY_MAX;
    bit_wire_limit(&link->wire, BIT_REPORT_BODY_MAX + BIT_FRAME_HEADER_BYTES);
    uv_timer_stop(&link->hello_timer);
    return 0;
}

static int take_message(struct bit_worker_link *link, const struct bit_frame *frame)
{
    ProtobufCMessage *msg = NULL;

    if (frame->epoch != link->epoch)
        return bit_fail(BIT_EEPOCH, "%s of launch %" PRIu64 " on the link of %" PRIu64, bit_msg_name(frame->type),
                        frame->epoch, link->epoch);
    if (frame->type == BIT_MSG_WORKER_HELLO)
        return bit_fail(BIT_EMESSAGE, "a second hello");
    int err = bit_msg_decode(BIT_CHANNEL_LINK_UP, frame->type, frame->body, frame->body_bytes, &msg);
    if (err < 0)
        return err;
    link->ops->message(link->owner, frame->type, msg);
    bit_msg_free(msg);
    return 0;
}

/* Stops when the owner holds or closes the link meanwhile. */
static void take_frames(struct bit_worker_link *link)
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

/* ---- callbacks of the wire */

static int on_launch(void *arg, const char *run, uint64_t epoch, struct bit_launch_id *out)
{
    const struct bit_worker_link_listener *l = listener_of(arg);

    return l->ops->launch(l->arg, run, epoch, out);
}

static int on_room(void *arg, uint8_t **room, size_t *bytes)
{
    struct bit_worker_link *link = arg;

    return bit_frame_reader_reserve(&link->reader, room, bytes);
}

static void on_arrived(void *arg, size_t bytes)
{
    struct bit_worker_link *link = arg;

    bit_frame_reader_commit(&link->reader, bytes);
    take_frames(link);
}

static void on_sent(void *arg)
{
    struct bit_worker_link *link = arg;

    if (link->proven)
        link->ops->drained(link->owner);
}

static void on_broken(void *arg, int err)
{
    drop(arg, err, bit_fail_text());
}

static const struct bit_wire_ops wire_ops = {on_launch, on_room, on_arrived, on_sent, on_broken};

int bit_worker_link_send(struct bit_worker_link *link, uint16_t type, const void *msg, struct bit_payload *payload)
{
    BIT_ASSERT(!link->closing && (payload == NULL || payload->frame_count > 0));
    uint8_t *frame = NULL;
    size_t bytes = 0;
    int err = bit_msg_encode(type, link->epoch, msg, &frame, &bytes);
    if (err == 0)
        err = bit_wire_send(&link->wire, frame, bytes, payload);
    else
        bit_payload_destroy(payload);
    if (err < 0)
        bit_worker_link_close(link);
    return err;
}

bool bit_worker_link_is_answered(const struct bit_worker_link *link)
{
    int unacknowledged = 0;
    uv_os_fd_t fd;

    return !link->inlet->tcp || uv_fileno(&link->wire.io.handle, &fd) < 0 || ioctl(fd, SIOCOUTQ, &unacknowledged) < 0 ||
           unacknowledged == 0;
}

size_t bit_worker_link_queued(const struct bit_worker_link *link)
{
    return bit_wire_queued(&link->wire);
}

void bit_worker_link_hold(struct bit_worker_link *link, bool hold)
{
    if (link->closing || link->held == hold)
        return;
    link->held = hold;
    if (hold) {
        bit_wire_stop(&link->wire);
        return;
    }
    take_frames(link); /* those that arrived before */
    if (!link->closing && !link->held)
        bit_wire_start(&link->wire);
}

/* ---- a new link */

static void on_hello_late(uv_timer_t *timer)
{
    drop(timer->data, BIT_ETIMEOUT, "no hello in time");
}

static struct bit_worker_link *new_link(struct bit_worker_link_inlet *inlet)
{
    struct bit_worker_link_listener *l = inlet->listener;
    struct bit_worker_link *link = calloc(1, sizeof *link);

    if (link == NULL)
        return NULL;
    link->inlet = inlet;
    bit_frame_reader_init(&link->reader, BIT_HELLO_BODY_MAX);
    bit_wire_init(&link->wire, &l->share, inlet->tcp, &wire_ops, link);
    uv_timer_init(inlet->io.handle.loop, &link->hello_timer);
    link->hello_timer.data = link;
    link->handles = 2;
    link->next = l->links;
    link->back = &l->links;
    if (l->links != NULL)
        l->links->back = &link->next;
    l->links = link;
    inlet->unproven++;
    return link;
}

/* Silent connections must not keep a worker out: the oldest is closed for a new one. */
static void make_room(struct bit_worker_link_inlet *inlet)
{
    struct bit_worker_link *oldest = NULL;

    if (inlet->unproven <= UNPROVEN_MAX + inlet->listener->expected)
        return;
    for (struct bit_worker_link *link = inlet->listener->links; link != NULL; link = link->next)
        if (link->inlet == inlet && !link->proven)
            oldest = link;
    drop(oldest, BIT_ELIMIT, "too many unauthenticated connections");
}

/* On a Unix socket the kernel tells which user connects. */
static int check_user(const struct bit_worker_link *link)
{
    struct bit_peer peer;

    if (link->inlet->tcp)
        return 0;
    int err = bit_peer_get(&link->wire.io.pipe, &peer);
    if (err < 0)
        return err;
    return bit_peer_is_owner(&peer) ? 0 : bit_fail(BIT_EAUTH, "uid %u is not this daemon's user", peer.uid);
}

/* A connection above the rate is accepted and closed, so that those after it in the kernel's queue are reached. */
static int check_pace(const struct bit_worker_link *link)
{
    struct bit_worker_link_listener *l = link->inlet->listener;
    struct sockaddr_storage from;

    if (!find_source(link, &from) || bit_connection_rate_take(&l->sources, (const struct sockaddr *)&from, l->expected,
                                                              1 + uv_now(l->accept_timer.loop)))
        return 0;
    return bit_fail(BIT_ELIMIT, "too many connections of one source");
}

static void take_connection(struct bit_worker_link_inlet *inlet)
{
    struct bit_worker_link *link = new_link(inlet);

    if (link == NULL)
        return;
    int err = bit_wire_accept(&link->wire, &inlet->io.stream);
    if (err == 0)
        err = check_user(link);
    if (err == 0)
        err = check_pace(link);
    if (err < 0) {
        drop(link, err, bit_fail_text());
        return;
    }
    make_room(inlet);
    const uint64_t hello_ms = (inlet->tcp ? HELLO_MS : HELLO_LOCAL_MS) + HELLO_MORE_MS * inlet->listener->expected;
    uv_timer_start(&link->hello_timer, on_hello_late, hello_ms, 0);
    bit_wire_start(&link->wire);
}

/* Whether one more may be accepted now; if not, the timer runs until one may. */
static void on_accept_timer(uv_timer_t *timer);

static bool take_token(struct bit_worker_link_listener *l)
{
    uint64_t now_ms = uv_now(l->accept_timer.loop);

    l->tokens = BIT_MIN(l->tokens + (double)(now_ms - l->tokens_ms) * ACCEPT_RATE / 1000, (double)ACCEPT_BURST);
    l->tokens_ms = now_ms;
    if (l->tokens + l->expected < 1) {
        uv_timer_start(&l->accept_timer, on_accept_timer, 1 + 1000 / ACCEPT_RATE, 0);
        return false;
    }
    l->tokens--;
    return true;
}

/* Accept the connection that on_connection left waiting: until then, libuv reports no other one. */
static void on_accept_timer(uv_timer_t *timer)
{
    struct bit_worker_link_listener *l = timer->data;

    if (take_token(l))
        take_connection(&l->remote);
}

static void go_on(void *arg)
{
    struct bit_worker_link_inlet *inlet = arg;

    if (!inlet->tcp || take_token(inlet->listener))
        take_connection(inlet);
}

/* Until it is accepted, libuv reports no other connection. */
static void on_connection(uv_stream_t *server, int status)
{
    struct bit_worker_link_inlet *inlet = server->data;

    if (status != 0)
        return;
    if (bit_turn_share_is_used(&inlet->listener->share))
        bit_turn_share_wait(&inlet->listener->share, &inlet->waiter);
    else
        go_on(inlet);
}

/* ---- listening */

void bit_worker_link_expect(struct bit_worker_link_listener *l, int more)
{
    BIT_ASSERT(more >= 0 || (unsigned)-more <= l->expected);
    l->expected += (unsigned)more;
}

int bit_worker_link_listen(struct bit_worker_link_listener *l, uv_loop_t *loop, const char *path,
                           const struct bit_worker_link_ops *ops, void *arg)
{
    *l = (struct bit_worker_link_listener){.ops = ops, .arg = arg, .tokens = ACCEPT_BURST};
    l->local.listener = l->remote.listener = l;
    l->local.waiter = (struct bit_turn_waiter){.go_on = go_on, .arg = &l->local};
    l->remote.waiter = (struct bit_turn_waiter){.go_on = go_on, .arg = &l->remote};
    bit_turn_share_init(&l->share, loop);
    l->remote.tcp = true;
    uv_timer_init(loop, &l->accept_timer);
    l->accept_timer.data = l;
    l->tokens_ms = uv_now(loop);
    int err = bit_peer_listen(loop, &l->local.io.pipe, path, 0600, -1, on_connection);
    l->local.io.handle.data = &l->local;
    if (err == 0)
        l->path = path;
    return err;
}

int bit_worker_link_listen_tcp(struct bit_worker_link_listener *l, const char *listen, const char *advertise,
                               const char *kept)
{
    char told[BIT_ADDRESS_MAX];
    int fd, err = bit_endpoint_open(listen, advertise, kept, &fd, told);

    if (err < 0)
        return err;
    uv_tcp_init(l->accept_timer.loop, &l->remote.io.tcp);
    l->remote.io.handle.data = &l->remote;
    memcpy(l->told, told, sizeof told); /* from here on the handle must be closed */
    err = uv_tcp_open(&l->remote.io.tcp, fd);
    if (err < 0)
        close(fd);
    else
        err = uv_listen(&l->remote.io.stream, BIT_ENDPOINT_BACKLOG, on_connection);
    if (err < 0)
        return bit_fail(err, "listen = %s: %s", listen, uv_strerror(err));
    bit_info("workers may come from other nodes", "listen=%s told=%s", listen, l->told);
    return 0;
}

/* Ranks of mpirun are on this host, unless the setting says otherwise; those of srun may be anywhere. */
const char *bit_worker_link_address(const struct bit_worker_link_listener *l, const struct bit_config *config,
                                    Bit__Launcher launcher)
{
    bool tcp = config->link_kind == BIT_LINK_TCP ||
               (config->link_kind == BIT_LINK_AUTO && launcher != BIT__LAUNCHER__MPIRUN);

    return tcp && l->told[0] != '\0' ? l->told : config->link;
}

void bit_worker_link_listener_close(struct bit_worker_link_listener *l)
{
    bit_turn_share_cancel(&l->share, &l->local.waiter);
    bit_turn_share_cancel(&l->share, &l->remote.waiter);
    while (l->links != NULL)
        bit_worker_link_close(l->links);
    bit_turn_share_close(&l->share);
    uv_close((uv_handle_t *)&l->accept_timer, NULL);
    uv_close(&l->local.io.handle, NULL);
    if (l->path != NULL)
        unlink(l->path);
    if (l->told[0] != '\0')
        uv_close(&l->remote.io.handle, NULL);
}
