#include "proto/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
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
        return bit_fail(-errno, "opening '%s'", path);
    int err = fstat(fd, st) < 0 ? bit_fail(-errno, "'%s'", path) : bit_regular_file_check(path, st);
    if (err < 0)
        close(fd);
    return err < 0 ? err : fd;
}

static int read_all(int fd, const char *path, uint8_t *buf, size_t bytes)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t n = read(fd, buf + done, bytes - done);
        if (n <= 0)
            return bit_fail(n < 0 ? -errno : BIT_EDATA, "'%s' at byte %zu of %zu", path, done, bytes);
        done += (size_t)n;
    }
    return 0;
}

int bit_regular_file_read(int fd, const char *path, const struct stat *st, size_t most, uint8_t **out, size_t *bytes)
{
    size_t size = (size_t)st->st_size;
    uint8_t *buf;
    int err;

    if ((uint64_t)st->st_size > most)
        return bit_fail(BIT_ELIMIT, "'%s' has %zu bytes; at most %zu are allowed", path, size, most);
    buf = malloc(size + 1);
    if (buf == NULL)
        return bit_fail(-ENOMEM, "'%s'", path);
    err = read_all(fd, path, buf, size);
    if (err < 0) {
        free(buf);
        return err;
    }
    buf[size] = '\0';
    *out = buf;
    *bytes = size;
    return 0;
}
