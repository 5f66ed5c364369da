#include "daemon/sys/sockets/activate.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/err.h"

#define FIRST_FD 3

static long number(const char *name)
{
    const char *text = getenv(name);

    return text == NULL ? -1 : strtol(text, NULL, 10);
}

static int option(int fd, int name)
{
    int value = -1;
    socklen_t bytes = sizeof value;

    return getsockopt(fd, SOL_SOCKET, name, &value, &bytes) < 0 ? -1 : value;
}

int bit_activate_socket(void)
{
    long pid = number("LISTEN_PID"), count = number("LISTEN_FDS");

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (pid != getpid() || count <= 0)
        return -1;
    for (int fd = FIRST_FD; fd < FIRST_FD + count; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            return bit_fail(BIT_EUSAGE, "socket %d of the service manager: %s", fd, strerror(errno));
    if (count != 1 || option(FIRST_FD, SO_DOMAIN) != AF_UNIX || option(FIRST_FD, SO_TYPE) != SOCK_STREAM ||
        option(FIRST_FD, SO_ACCEPTCONN) != 1)
        return bit_fail(BIT_EUSAGE,
                        "the service manager passed %ld sockets, but exactly one Unix stream socket is "
                        "expected",
                        count);
    return FIRST_FD;
}
