#include "daemon/sys/files/fileio.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/full_io.h"
#include "proto/regular_file.h"

int bit_file_fail(int err, const char *path)
{
    struct rlimit limit;

    if (err != -EMFILE || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return bit_fail(err, "%s: %s", path, strerror(-err));
    return bit_fail(err, "%s: RLIMIT_NOFILE is %ju: raise it (ulimit -Hn, LimitNOFILE= of a unit)", path,
                    (uintmax_t)limit.rlim_cur);
}

int bit_file_write(const char *path, const void *data, size_t bytes)
{
    char temporary[PATH_MAX];

    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
        return bit_fail(-ENAMETOOLONG, "%s", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return bit_file_fail(-errno, temporary);
    int err = bit_full_io_write(fd, data, bytes);
    if (err == 0 && fsync(fd) < 0)
        err = -errno;
    close(fd);
    if (err == 0 && rename(temporary, path) < 0)
        err = -errno;
    if (err < 0) {
        unlink(temporary);
        return bit_fail(err, "%s: %s", path, strerror(-err));
    }
    return 0;
}

int bit_file_read(const char *path, size_t max, uint8_t **out, size_t *bytes)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* or open would block on a FIFO */
    int err = fd < 0 || fstat(fd, &st) < 0 ? bit_file_fail(-errno, path) : bit_regular_file_check(path, &st);

    if (err == 0)
        err = bit_regular_file_read(fd, path, &st, max, out, bytes);
    if (fd >= 0)
        close(fd);
    return err;
}

int bit_file_copy(const char *from, const char *to, const char *name, size_t max)
{
    char old[PATH_MAX], new[PATH_MAX];
    uint8_t *buf = NULL;
    size_t bytes = 0;

    if (snprintf(old, sizeof old, "%s/%s", from, name) >= (int)sizeof old ||
        snprintf(new, sizeof new, "%s/%s", to, name) >= (int)sizeof new)
        return bit_fail(-ENAMETOOLONG, "%s/%s", from, name);
    int err = bit_file_read(old, max, &buf, &bytes);
    if (err == 0)
        err = bit_file_write(new, buf, bytes);
    free(buf);
    return err == -ENOENT ? 0 : err;
}

int bit_dir_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd < 0 || fsync(fd) < 0 ? -errno : 0;

    if (fd >= 0)
        close(fd);
    return err < 0 ? bit_fail(err, "%s: %s", path, strerror(-err)) : 0;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path) < 0 && errno != ENOENT ? -errno : 0; /* another process may remove it too */
}

int bit_dir_remove(const char *path)
{
    int err = nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);

    if (err == -1)
        err = -errno;
    return err < 0 ? bit_fail(err, "%s: %s", path, strerror(-err)) : 0;
}

/* nftw has no user pointer for its callback. */
static _Thread_local uint64_t counted;

static int count_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    if (kind != FTW_NS && (S_ISDIR(st->st_mode) || st->st_nlink == 1)) /* what a fork shares is not freed */
        counted += (uint64_t)st->st_blocks * 512;
    return 0;
}

static int count_and_remove(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    int err = where->level == 0 ? 0 : remove_entry(path, st, kind, where);
    return err < 0 ? err : count_entry(path, st, kind, where);
}

static int walk(const char *path, __nftw_func_t visit, uint64_t *bytes)
{
    counted = 0;
    int err = nftw(path, visit, 16, FTW_DEPTH | FTW_PHYS);
    if (err == -1)
        err = -errno;
    *bytes = counted;
    return err < 0 ? bit_fail(err, "%s: %s", path, strerror(-err)) : 0;
}

int bit_dir_bytes(const char *path, uint64_t *bytes)
{
    return walk(path, count_entry, bytes);
}

int bit_dir_empty(const char *path, uint64_t *bytes)
{
    return walk(path, count_and_remove, bytes);
}

int bit_dir_count(const char *path)
{
    DIR *dir = opendir(path);

    if (dir == NULL)
        return errno == ENOENT ? 0 : bit_fail(-errno, "%s: %s", path, strerror(errno));
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

int bit_dir_make(const char *path)
{
    char part[PATH_MAX];

    if (strlen(path) >= sizeof part)
        return bit_fail(-ENAMETOOLONG, "%s", path);
    for (const char *slash = path; slash != NULL;) {
        slash = strchr(slash + 1, '/');
        size_t bytes = slash ? (size_t)(slash - path) : strlen(path);
        memcpy(part, path, bytes);
        part[bytes] = '\0';
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return bit_fail(-errno, "%s: %s", part, strerror(errno));
    }
    return 0;
}
