#include "daemon/http/http_listen.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/sys/settings/metrics_address.h"
#include "proto/err.h"
#include "proto/wire/address.h"

#define BACKLOG 16

/* The address as bound: for port 0 the kernel chose one. */
static void print_bound(int fd, char out[BIT_ADDRESS_MAX])
{
    struct sockaddr_storage bound;
    socklen_t bytes = sizeof bound;
    char host[BIT_HOST_MAX] = "?", port[8] = "0";

    if (getsockname(fd, (struct sockaddr *)&bound, &bytes) == 0)
        getnameinfo((struct sockaddr *)&bound, bytes, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    bit_address_print(host, (uint16_t)atoi(port), out);
}

static int bind_address(const struct bit_metrics_address *address)
{
    const int on = 1;
    int fd = socket(address->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, (const struct sockaddr *)&address->address, address->bytes) == 0)
        return fd;
    int err = -errno;
    close(fd);
    return err;
}

static int open_address(struct bit_http_listen *l, const char *text, const struct bit_metrics_address *address)
{
    int fd = bind_address(address);

    if (fd < 0)
        return bit_fail(fd, "metrics = %s: %s", text, strerror(-fd));
    print_bound(fd, l->text);
    l->is_remote = !address->loopback;
    l->fd = fd;
    return 0;
}

static int open_path(struct bit_http_listen *l, const char *path, const struct bit_access *access)
{
    const gid_t gid = access->group;
    int fd = bit_peer_bind(path, gid == (gid_t)-1 ? 0600 : 0660, gid);

    if (fd < 0)
        return bit_fail_within(fd, "metrics");
    snprintf(l->text, sizeof l->text, "%s", path);
    l->is_path = true;
    l->fd = fd;
    return 0;
}

int bit_http_listen_open(struct bit_http_listen *l, const struct bit_config *config, const struct bit_access *access)
{
    struct bit_metrics_address address;
    int err = bit_metrics_address_parse(config->metrics, &address);

    *l = (struct bit_http_listen){.fd = -1};
    if (err == 0)
        err = address.is_path ? open_path(l, config->metrics, access) : open_address(l, config->metrics, &address);
    if (err < 0 || listen(l->fd, BACKLOG) == 0)
        return err;
    err = bit_fail(-errno, "metrics = %s: %s", config->metrics, strerror(errno));
    bit_http_listen_drop(l);
    return err;
}

void bit_http_listen_drop(struct bit_http_listen *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    if (l->is_path)
        unlink(l->text);
}
