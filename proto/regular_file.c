#include "proto/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "proto/err.h"

bool bit_file_id_is(const struct bit_file_id *id, const struct stat *st)
{
    return id->inode == st->st_ino && id->device == st->st_dev;
}

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)    ? "a folder"
           : S_ISFIFO(mode) ? "a FIFO"
           : S_ISSOCK(mode) ? "a socket"
           : S_ISLNK(mode)  ? "a symbolic link"
                            : "a device";
}

int bit_regular_file_check(const char *path, const struct stat *st)
{
    return S_ISREG(st->st_mode) ? 0
                                : bit_fail(BIT_EDATA, "'%s' is %s, and no regular file", path, kind_of(st->st_mode));
}

int bit_regular_file_open(const char *path, bool follow, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0 && errno == ENXIO)
        return bit_fail(BIT_EDATA, "'%s' is a socket or a device, and no regular file", path);
    if (fd < 0)
        return bit_fail(-errno, "opening '%s': %s", path, strerror(errno));
    int err = fstat(fd, st) < 0 ? bit_fail(-errno, "'%s': %s", path, strerror(errno))
                                : bit_regular_file_check(path, st);
    if (err < 0)
        close(fd);
    return err < 0 ? err : fd;
}
