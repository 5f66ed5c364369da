#include "proto/full_io.h"

#include <errno.h>
#include <unistd.h>

int bit_full_io_read(int fd, void *out, size_t bytes, size_t *got)
{
    uint8_t *to = out;

    for (*got = 0; *got < bytes;) {
        const ssize_t n = read(fd, to + *got, bytes - *got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        *got += (size_t)n;
    }
    return 0;
}

int bit_full_io_read_at(int fd, void *out, size_t bytes, uint64_t at, size_t *got)
{
    uint8_t *to = out;

    for (*got = 0; *got < bytes;) {
        const ssize_t n = pread(fd, to + *got, bytes - *got, (off_t)(at + *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        *got += (size_t)n;
    }
    return 0;
}

int bit_full_io_write(int fd, const void *data, size_t bytes)
{
    const uint8_t *from = data;

    while (bytes > 0) {
        const ssize_t n = write(fd, from, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        from += n;
        bytes -= (size_t)n;
    }
    return 0;
}
