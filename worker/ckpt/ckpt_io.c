#include "worker/ckpt/ckpt_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"

int bit_io_pread(int fd, const char *path, void *to, size_t bytes, uint64_t offset)
{
    for (size_t at = 0; at < bytes;) {
        ssize_t got = pread(fd, (char *)to + at, bytes - at, (off_t)(offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return bit_fail(-errno, "reading '%s' at offset %" PRIu64, path, offset + at);
        if (got == 0)
            return bit_fail(BIT_ECORRUPT, "'%s' ends at offset %" PRIu64, path, offset + at);
        at += (size_t)got;
    }
    return 0;
}

int bit_io_pwrite(int fd, const char *path, const void *from, size_t bytes, uint64_t offset)
{
    for (size_t at = 0; at < bytes;) {
        ssize_t put = pwrite(fd, (const char *)from + at, bytes - at, (off_t)(offset + at));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) /* a write of 0 bytes without an error: treat the disk as full */
            return bit_fail(put < 0 ? -errno : -ENOSPC, "writing '%s' at offset %" PRIu64, path, offset + at);
        at += (size_t)put;
    }
    return 0;
}

int bit_io_create(const char *path, const void *head, size_t head_bytes, uint64_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int err;

    if (fd < 0)
        return bit_fail(-errno, "creating '%s'", path);
    /* Allocate all of it now, so that a full disk is noticed before anything is written. */
    err = -posix_fallocate(fd, 0, (off_t)bytes);
    if (err < 0)
        bit_fail(err, "%" PRIu64 " bytes for '%s'", bytes, path);
    else
        err = bit_io_pwrite(fd, path, head, head_bytes, 0);
    if (close(fd) < 0 && err >= 0)
        err = bit_fail(-errno, "closing '%s'", path);
    return err;
}

int bit_io_join(char out[BIT_PATH_MAX], const char *dir, const char *name)
{
    int length = snprintf(out, BIT_PATH_MAX, "%s/%s", dir, name);

    return length < BIT_PATH_MAX ? 0 : bit_fail(-ENAMETOOLONG, "'%s/%s'", dir, name);
}

int bit_io_remove(const char *dir)
{
    struct dirent *entry;
    DIR *folder = opendir(dir);
    int err = 0;

    if (folder == NULL)
        return errno == ENOENT ? 0 : bit_fail(-errno, "'%s'", dir);
    while (err >= 0 && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(folder), entry->d_name, 0) < 0)
            err = bit_fail(-errno, "removing '%s/%s'", dir, entry->d_name);
    }
    closedir(folder);
    if (err >= 0 && rmdir(dir) < 0)
        err = bit_fail(-errno, "removing '%s'", dir);
    return err;
}
