#include "daemon/link/connection_rate.h"

#include <netinet/in.h>
#include <string.h>

#include "proto/check.h"

static void key_of(const struct sockaddr *from, uint8_t out[16])
{
    memset(out, 0, 16);
    if (from->sa_family == AF_INET6) {
        const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
        memcpy(out, a, IN6_IS_ADDR_V4MAPPED(a) ? 16 : 8);
    } else if (from->sa_family == AF_INET) {
        out[10] = out[11] = 0xff;
        memcpy(out + 12, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    }
}

/* Whether a is replaced before b. */
static bool goes_first(const struct bit_connection_rate_source *a, const struct bit_connection_rate_source *b)
{
    return a->proven != b->proven ? !a->proven : a->used_ms < b->used_ms;
}

static struct bit_connection_rate_source *find(struct bit_connection_rate *p, const struct sockaddr *from,
                                               uint64_t now_ms)
{
    uint8_t key[16];
    struct bit_connection_rate_source *oldest = &p->source[0];

    key_of(from, key);
    for (size_t i = 0; i < BIT_CONNECTION_RATE_SOURCES; i++) {
        struct bit_connection_rate_source *s = &p->source[i];
        if (s->used_ms != 0 && memcmp(s->address, key, sizeof key) == 0)
            return s;
        if (goes_first(s, oldest))
            oldest = s;
    }
    *oldest = (struct bit_connection_rate_source){.tokens = BIT_CONNECTION_RATE_BURST, .used_ms = now_ms};
    memcpy(oldest->address, key, sizeof key);
    return oldest;
}

bool bit_connection_rate_take(struct bit_connection_rate *p, const struct sockaddr *from, unsigned expected,
                              uint64_t now_ms)
{
    struct bit_connection_rate_source *s = find(p, from, now_ms);

    s->tokens = BIT_MIN(s->tokens + (double)(now_ms - s->used_ms) * BIT_CONNECTION_RATE_PER_S / 1000,
                        (double)BIT_CONNECTION_RATE_BURST);
    s->used_ms = now_ms;
    if (s->proven)
        return true;
    if (s->tokens + expected < 1)
        return false;
    s->tokens--;
    return true;
}

void bit_connection_rate_trust(struct bit_connection_rate *p, const struct sockaddr *from, uint64_t now_ms)
{
    struct bit_connection_rate_source *s = find(p, from, now_ms);

    s->used_ms = now_ms;
    s->proven = true;
}
