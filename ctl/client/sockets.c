#include "ctl/client/sockets.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/state_folder.h"
#include "proto/wire/socket_path.h"

/* In the order in which they are tried. */
struct candidates {
    char path[3][BIT_PATH_MAX];
    int count;
};

__attribute__((format(printf, 2, 3))) static void add(struct candidates *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(c->path[c->count], sizeof c->path[0], fmt, args) < (int)sizeof c->path[0])
        c->count++;
    va_end(args);
}

static void find(const char *named, struct candidates *c)
{
    const char *env = getenv("BITD_SOCKET"), *runtime = getenv("XDG_RUNTIME_DIR");
    const char *chosen = named != NULL ? named : env != NULL && *env != '\0' ? env : NULL;
    char folder[BIT_PATH_MAX];
    struct stat st;

    c->count = 0;
    if (chosen != NULL) {
        add(c, "%s%s", chosen, stat(chosen, &st) == 0 && S_ISDIR(st.st_mode) ? "/bitd.sock" : "");
        return;
    }
    if (runtime != NULL && *runtime != '\0')
        add(c, "%s/bitd.sock", runtime);
    bit_state_folder_default(folder, sizeof folder);
    add(c, "%s/bitd.sock", folder);
    add(c, "/run/bitd/bitd.sock");
}

/* The descriptor, or -errno: -ENOENT and -ECONNREFUSED if no daemon listens. */
static int connect_to(const char *path)
{
    struct bit_socket_path to;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int err = fd < 0 ? bit_fail(-errno, "socket") : bit_socket_path_init(path, &to);

    if (err == 0) {
        if (connect(fd, (struct sockaddr *)&to.address, sizeof to.address) < 0)
            err = bit_fail(-errno, "connect to %s", path);
        bit_socket_path_finish(&to);
    }
    if (err < 0 && fd >= 0)
        close(fd);
    return err < 0 ? err : fd;
}

int bit_sockets_connect(const char *named, char out[BIT_PATH_MAX])
{
    struct candidates c;
    bool left = false; /* a daemon that is gone left its socket */

    out[0] = '\0';
    find(named, &c);
    for (int i = 0; i < c.count; i++) {
        int fd = connect_to(c.path[i]);
        if (fd != -ENOENT || !left)
            snprintf(out, BIT_PATH_MAX, "%s", c.path[i]);
        if (fd != -ENOENT && fd != -ECONNREFUSED)
            return fd;
        left |= fd == -ECONNREFUSED;
    }
    return bit_fail(
        BIT_EDAEMON,
        "no bitd listens on %s (start one with `bitd`, or name its socket with --socket, or its folder with "
        "--state)",
        out);
}
