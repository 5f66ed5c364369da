#include "daemon/client/connection/quota.h"

#include "daemon/client/connection/client.h"
#include "proto/err.h"
#include "proto/limits.h"

#define STREAM_LEAST      (16u << 10)  /* a stream that has less than this queued always continues */
#define STREAM_MOST       (256u << 10) /* a stream that has this queued waits */
#define USER_STREAMS_MOST (4u << 20)
#define ALL_STREAMS_MOST  (64u << 20)
#define USER_UNREAD_MOST  (16u << 20)

/* The totals of a set of clients. */
struct holding {
    unsigned clients, waits, streams;
    size_t queued;
    struct bit_client *idlest; /* the oldest without a request, a wait or a stream */
};

static bool is_waiting(const struct bit_client *c)
{
    return c->wait.kind != BIT_WAIT_NONE || c->sweep_wait.id[0] != '\0';
}

static void count_client(struct holding *h, struct bit_client *c)
{
    bool idle = !c->closing && !c->leaving && !c->busy && !is_waiting(c) && c->stream == NULL;

    h->clients++;
    h->waits += is_waiting(c);
    h->streams += c->stream != NULL;
    h->queued += bit_client_queued(c);
    if (idle)
        h->idlest = c; /* the list goes from the newest to the oldest */
}

static struct holding of_user(const struct bit_client *c)
{
    struct holding h = {0};

    for (struct bit_client *at = c->all->first; at != NULL; at = at->next)
        if (at->peer.uid == c->peer.uid)
            count_client(&h, at);
    return h;
}

/* Of the clients that share a limit of connections with it: administrators, or all others. */
static struct holding of_pool(const struct bit_client *c)
{
    struct holding h = {0};

    for (struct bit_client *at = c->all->first; at != NULL; at = at->next)
        if (at->peer.admin == c->peer.admin)
            count_client(&h, at);
    return h;
}

static unsigned clients_most(const struct bit_client *c)
{
    return c->peer.admin ? BIT_CLIENTS_MAX - BIT_CLIENTS_RESERVED : c->all->env->config->clients_per_user;
}

int bit_quota_connect(struct bit_client *c, struct bit_client **leaver)
{
    struct holding user = of_user(c), pool = of_pool(c);
    unsigned most = clients_most(c);
    bool too_many = user.clients > most;

    *leaver = NULL;
    if (!too_many && pool.clients <= BIT_CLIENTS_MAX)
        return 0;
    struct bit_client *idlest = too_many ? user.idlest : pool.idlest;
    if (idlest != NULL && idlest != c) {
        *leaver = idlest;
        return 0;
    }
    if (too_many)
        return bit_fail(BIT_EBUSY, "too many clients of uid %u: limit %u%s", c->peer.uid, most,
                        c->peer.admin ? "" : " (clients_per_user)");
    return bit_fail(BIT_EBUSY, "too many clients: limit %u for %s", BIT_CLIENTS_MAX,
                    c->peer.admin ? "administrators" : "users together");
}

int bit_quota_ask(const struct bit_client *c)
{
    size_t queued = c->peer.admin ? 0 : of_user(c).queued;

    if (queued <= USER_UNREAD_MOST)
        return 0;
    return bit_fail(BIT_EBUSY, "clients of uid %u do not read their answers: %zu MiB wait for them, limit %u",
                    c->peer.uid, queued >> 20, USER_UNREAD_MOST >> 20);
}

int bit_quota_wait(const struct bit_client *c)
{
    unsigned most = c->all->env->config->waits_per_user;

    if (c->peer.admin || of_user(c).waits < most)
        return 0;
    return bit_fail(BIT_EBUSY, "too many waits of uid %u: limit %u (waits_per_user)", c->peer.uid, most);
}

int bit_quota_stream(const struct bit_client *c)
{
    unsigned most = c->all->env->config->streams_per_user;

    if (c->peer.admin || of_user(c).streams < most)
        return 0;
    return bit_fail(BIT_EBUSY, "too many streams of uid %u: limit %u (streams_per_user)", c->peer.uid, most);
}

bool bit_quota_has_room(const struct bit_client *c)
{
    size_t own = bit_client_queued(c);

    if (own < STREAM_LEAST || own >= STREAM_MOST)
        return own < STREAM_LEAST;
    return of_user(c).queued < USER_STREAMS_MOST && of_pool(c).queued < ALL_STREAMS_MOST;
}
