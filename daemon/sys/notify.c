#include "daemon/sys/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void bit_notify(const char *fmt, ...)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[256];

    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@') /* the abstract namespace */
        address.sun_path[0] = '\0';
    va_list args;
    va_start(args, fmt);
    int bytes = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    sendto(fd, text, (size_t)bytes < sizeof text ? (size_t)bytes : sizeof text - 1, MSG_NOSIGNAL,
           (const struct sockaddr *)&address, length);
    close(fd);
}

void bit_notify_alive(void)
{
    const char *pid = getenv("WATCHDOG_PID");

    if (getenv("WATCHDOG_USEC") != NULL && (pid == NULL || strtol(pid, NULL, 10) == getpid()))
        bit_notify("WATCHDOG=1\n");
}
