#include "daemon/http/http_connections.h"

#include <stddef.h>
#include <sys/socket.h>

struct bit_http_connection *bit_http_connections_add(struct bit_http_connections *all, int fd, uint64_t now_ms)
{
    for (int i = 0; i < BIT_HTTP_CONNECTIONS_MAX; i++) {
        struct bit_http_connection *one = &all->one[i];
        if (one->since_ms != 0)
            continue;
        *one = (struct bit_http_connection){.fd = fd, .since_ms = now_ms > 0 ? now_ms : 1};
        all->count++;
        return one;
    }
    return NULL;
}

void bit_http_connections_remove(struct bit_http_connections *all, struct bit_http_connection *one)
{
    *one = (struct bit_http_connection){0};
    all->count--;
}

void bit_http_connections_end_late(struct bit_http_connections *all, uint64_t now_ms, uint64_t most_ms)
{
    for (int i = 0; i < BIT_HTTP_CONNECTIONS_MAX; i++) {
        const struct bit_http_connection *one = &all->one[i];
        if (one->since_ms != 0 && now_ms > one->since_ms + most_ms)
            shutdown(one->fd, SHUT_RDWR);
    }
}
