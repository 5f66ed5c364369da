#include "daemon/link/endpoint.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/sys/files/fileio.h"
#include "proto/check.h"
#include "proto/err.h"

/* An address to bind; its port is filled in later. */
struct place {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t bytes;
};

static void set_place(struct place *out, const struct sockaddr *from)
{
    *out = (struct place){.bytes = from->sa_family == AF_INET ? sizeof out->address.v4 : sizeof out->address.v6};
    memcpy(&out->address, from, out->bytes);
}

static void set_port(struct place *p, uint16_t port)
{
    if (p->address.any.sa_family == AF_INET)
        p->address.v4.sin_port = htons(port);
    else
        p->address.v6.sin6_port = htons(port);
}

/* Preference among an interface's addresses: IPv4, then global IPv6, then link-local. 0: not usable. */
static int rank(const struct sockaddr *a)
{
    if (a == NULL || (a->sa_family != AF_INET && a->sa_family != AF_INET6))
        return 0;
    if (a->sa_family == AF_INET)
        return 3;
    return IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr) ? 1 : 2;
}

/* 1 if `name` is an interface with an address, 0 if it is not an interface. */
static int find_interface(const char *name, struct place *out)
{
    struct ifaddrs *all, *best = NULL;

    if (if_nametoindex(name) == 0)
        return 0;
    if (getifaddrs(&all) < 0)
        return bit_fail(-errno, "the addresses of %s: %s", name, strerror(errno));
    for (struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
        if (strcmp(i->ifa_name, name) == 0 && rank(i->ifa_addr) > rank(best ? best->ifa_addr : NULL))
            best = i;
    if (best != NULL)
        set_place(out, best->ifa_addr);
    freeifaddrs(all);
    return best != NULL ? 1 : bit_fail(BIT_EUSAGE, "listen: the interface %s has no address", name);
}

static int resolve(const char *host, struct place *out)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int err = getaddrinfo(host, NULL, &hints, &found);

    if (err != 0)
        return bit_fail(BIT_EUSAGE, "listen: '%s' is no address, name or interface of this host: %s", host,
                        gai_strerror(err));
    set_place(out, found->ai_addr);
    freeaddrinfo(found);
    return 0;
}

/* Every address; of both families, if the kernel has both. */
static void set_any(struct place *out)
{
    const struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    const struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    set_place(out, fd >= 0 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4);
    if (fd >= 0)
        close(fd);
}

static int find_place(const char *host, struct place *out)
{
    if (host[0] == '\0') {
        set_any(out);
        return 0;
    }
    int got = find_interface(host, out);
    return got != 0 ? BIT_MIN(got, 0) : resolve(host, out);
}

/* A listening socket. With SO_REUSEADDR two sockets can bind(2) the same port; listen(2) then refuses the second. */
static int listen_at(struct place *p, uint16_t port)
{
    const int on = 1, off = 0;
    int fd = socket(p->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    set_port(p, port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (p->address.any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, &p->address.any, p->bytes) == 0 && listen(fd, BIT_ENDPOINT_BACKLOG) == 0)
        return fd;
    int err = -errno;
    close(fd);
    return err;
}

static uint16_t bound_port(int fd)
{
    struct place p = {.bytes = sizeof p.address};

    if (getsockname(fd, &p.address.any, &p.bytes) < 0)
        return 0;
    return ntohs(p.address.any.sa_family == AF_INET ? p.address.v4.sin_port : p.address.v6.sin6_port);
}

static uint16_t read_kept(const char *path)
{
    uint8_t *text = NULL;
    size_t bytes = 0;
    char number[8] = "";

    if (bit_file_read(path, sizeof number - 1, &text, &bytes) == 0)
        memcpy(number, text, bytes);
    free(text);
    unsigned long port = strtoul(number, NULL, 10);
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static int write_kept(const char *path, uint16_t port)
{
    char text[8];
    int bytes = snprintf(text, sizeof text, "%u\n", port);

    return bit_file_write(path, text, (size_t)bytes);
}

/* The last used port first, then the others in order. */
static int listen_in_range(const struct bit_address *a, struct place *p, const char *kept)
{
    uint16_t before = read_kept(kept);
    bool is_one = before != 0 && (a->first == 0 || (before >= a->first && before <= a->last));
    int fd = is_one ? listen_at(p, before) : -EADDRINUSE;

    for (unsigned port = a->first; fd == -EADDRINUSE && port <= a->last; port++)
        fd = listen_at(p, (uint16_t)port);
    int err = fd < 0 ? 0 : write_kept(kept, bound_port(fd));
    if (err < 0) {
        close(fd);
        return err;
    }
    return fd;
}

static int tell(const struct bit_address *a, const struct place *p, const char *advertise, uint16_t port,
                char told[BIT_ADDRESS_MAX])
{
    char host[BIT_HOST_MAX] = "";
    int err = 0;

    if (advertise[0] != '\0')
        snprintf(host, sizeof host, "%s", advertise);
    else if (a->host[0] == '\0')
        err = gethostname(host, sizeof host - 1) < 0 ? -errno : 0;
    else
        err = getnameinfo(&p->address.any, p->bytes, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0 ? -EINVAL : 0;
    if (err < 0)
        return bit_fail(err, "no address to give to workers; set advertise");
    bit_address_print(host, port, told);
    return 0;
}

int bit_endpoint_open(const char *listen, const char *advertise, const char *kept, int *fd, char told[BIT_ADDRESS_MAX])
{
    struct bit_address a;
    struct place p;
    int got = -1, err = bit_address_parse(listen, &a);

    if (err == 0)
        err = find_place(a.host, &p);
    if (err < 0)
        return err;
    got = a.first == a.last && a.first != 0 ? listen_at(&p, a.first) : listen_in_range(&a, &p, kept);
    if (got == -EADDRINUSE)
        return bit_fail(BIT_EBUSY, "listen = %s: the port is taken", listen);
    if (got < 0)
        return bit_fail(got, "listen = %s: %s", listen, strerror(-got));
    err = tell(&a, &p, advertise, bound_port(got), told);
    if (err < 0) {
        close(got);
        return err;
    }
    *fd = got;
    return 0;
}
