#include "ctl/tokenize/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/regular_file.h"

int bit_whole_file_folders(const char *path)
{
    char partial[BIT_PATH_MAX];

    if (path[0] == '\0' || (size_t)snprintf(partial, sizeof partial, "%s", path) >= sizeof partial)
        return bit_fail(path[0] == '\0' ? -ENOENT : -ENAMETOOLONG, "folder '%s'", path);
    for (char *slash = strchr(partial + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(partial, 0777) < 0 && errno != EEXIST)
            return bit_fail(-errno, "folder '%s'", partial);
        *slash = '/';
    }
    if (mkdir(partial, 0777) < 0 && errno != EEXIST)
        return bit_fail(-errno, "folder '%s'", partial);
    return 0;
}

/* The file to write; fd is its folder, open and locked. */
struct target {
    const char *folder, *name;
    int fd;
};

static int fail(const struct target *t)
{
    return bit_fail(-errno, "'%s/%s'", t->folder, t->name);
}

/* Returns 1 if the file has these bytes, 0 if it does not exist; -EEXIST if it has other bytes. */
static int compare(const struct target *t, const uint8_t *bytes, size_t count)
{
    uint8_t *there = NULL;
    size_t size = 0;
    struct stat st;
    int fd = openat(t->fd, t->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : fail(t);
    if (fstat(fd, &st) < 0)
        err = fail(t);
    else if (S_ISREG(st.st_mode) && (uint64_t)st.st_size == count)
        err = bit_regular_file_read(fd, t->name, &st, count, &there, &size);
    close(fd);
    bool same = there != NULL && memcmp(there, bytes, count) == 0;
    free(there);
    if (err < 0)
        return err;
    return same ? 1 : bit_fail(-EEXIST, "'%s/%s' is there and has other contents", t->folder, t->name);
}

static int write_all(int fd, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        ssize_t n = write(fd, bytes, count);
        if (n < 0 && errno != EINTR)
            return -1;
        bytes += n > 0 ? n : 0;
        count -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int replace(const struct target *t, const uint8_t *bytes, size_t count)
{
    char partial[BIT_PATH_MAX];

    if ((size_t)snprintf(partial, sizeof partial, "%s.partial", t->name) >= sizeof partial)
        return bit_fail(-ENAMETOOLONG, "'%s/%s'", t->folder, t->name);
    int fd = openat(t->fd, partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666), err = 0;
    if (fd < 0)
        return fail(t);
    if (write_all(fd, bytes, count) < 0 || fsync(fd) < 0)
        err = fail(t);
    if (close(fd) < 0 && err == 0)
        err = fail(t);
    if (err == 0 && renameat(t->fd, partial, t->fd, t->name) < 0)
        err = fail(t);
    if (err < 0)
        unlinkat(t->fd, partial, 0);
    else if (fsync(t->fd) < 0)
        err = fail(t);
    return err;
}

int bit_whole_file_write(const char *folder, const char *name, const uint8_t *bytes, size_t count, bool force)
{
    struct target t = {folder, name, -1};
    int err = bit_whole_file_folders(folder);

    if (err < 0)
        return err;
    t.fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t.fd < 0)
        return bit_fail(-errno, "folder '%s'", folder);
    if (flock(t.fd, LOCK_EX | LOCK_NB) < 0)
        err = bit_fail(errno == EWOULDBLOCK ? BIT_EBUSY : -errno, "'%s' is being written by another process", folder);
    if (err == 0)
        err = compare(&t, bytes, count);
    if (err == 0 || (err == -EEXIST && force))
        err = replace(&t, bytes, count);
    close(t.fd);
    return err;
}
