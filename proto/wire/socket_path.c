#include "proto/wire/socket_path.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/err.h"

static int too_long(const char *path)
{
    return bit_fail(BIT_EUSAGE, "'%s': longer than the name of a socket may be, choose a shorter one", path);
}

static int through_folder(const char *path, const char *slash, struct bit_socket_path *out)
{
    char *folder = strndup(path, slash > path ? (size_t)(slash - path) : 1);

    out->folder = folder == NULL ? -1 : open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int err = out->folder < 0 ? -errno : 0;
    free(folder);
    if (err < 0)
        return bit_fail(err, "the folder of '%s'", path);
    int bytes = snprintf(out->address.sun_path, sizeof out->address.sun_path, "/proc/self/fd/%d%s", out->folder, slash);
    if ((size_t)bytes < sizeof out->address.sun_path)
        return 0;
    bit_socket_path_finish(out);
    return too_long(path);
}

int bit_socket_path_init(const char *path, struct bit_socket_path *out)
{
    const char *slash = strrchr(path, '/');

    *out = (struct bit_socket_path){.address.sun_family = AF_UNIX, .folder = -1};
    if (strlen(path) >= sizeof out->address.sun_path && slash != NULL)
        return through_folder(path, slash, out);
    if (strlen(path) >= sizeof out->address.sun_path)
        return too_long(path);
    memcpy(out->address.sun_path, path, strlen(path) + 1);
    return 0;
}

void bit_socket_path_finish(struct bit_socket_path *p)
{
    if (p->folder >= 0)
        close(p->folder);
    p->folder = -1;
}
