#include "daemon/sys/settings/metrics_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/wire/address.h"

static bool take_ipv4(const char *host, uint16_t port, struct bit_metrics_address *out)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

    if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
        return false;
    memcpy(&out->address, &a, sizeof a);
    out->bytes = sizeof a;
    out->loopback = ntohl(a.sin_addr.s_addr) >> 24 == 127;
    return true;
}

static bool take_ipv6(const char *host, uint16_t port, struct bit_metrics_address *out)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    if (inet_pton(AF_INET6, host, &a.sin6_addr) != 1)
        return false;
    memcpy(&out->address, &a, sizeof a);
    out->bytes = sizeof a;
    out->loopback = IN6_IS_ADDR_LOOPBACK(&a.sin6_addr);
    return true;
}

int bit_metrics_address_parse(const char *text, struct bit_metrics_address *out)
{
    struct bit_metrics_address found = {.is_path = text[0] == '/', .loopback = true};
    struct bit_address a;
    int err = found.is_path ? 0 : bit_address_parse(text, &a);

    if (err < 0)
        return err;
    if (!found.is_path) {
        const char *host = text[0] == '*'                                          ? "0.0.0.0"
                           : a.host[0] == '\0' || strcmp(a.host, "localhost") == 0 ? "127.0.0.1"
                                                                                   : a.host;
        if (a.first != a.last)
            return bit_fail(BIT_EUSAGE, "'%s': one port, and no range", text);
        if (!take_ipv4(host, a.first, &found) && !take_ipv6(host, a.first, &found))
            return bit_fail(BIT_EUSAGE,
                            "'%s': the path of a Unix socket, or an address in numbers, as 9105 or [::1]:9105", text);
    }
    *out = found;
    return 0;
}
