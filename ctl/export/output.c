#include "ctl/export/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"

/* ---- the folder */

static int set_paths(struct bit_output *o, const char *path)
{
    size_t bytes = strlen(path);

    while (bytes > 1 && path[bytes - 1] == '/')
        bytes--;
    if (bytes == 0)
        return bit_fail(-ENOENT, "an output folder without a name");
    if ((size_t)snprintf(o->path, sizeof o->path, "%.*s", (int)bytes, path) >= sizeof o->path ||
        (size_t)snprintf(o->partial, sizeof o->partial, "%.*s.partial", (int)bytes, path) >= sizeof o->partial)
        return bit_fail(-ENAMETOOLONG, "folder '%.200s'", path);
    return 0;
}

static int open_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 ? bit_fail(-errno, "folder '%s'", path) : fd;
}

/* Remove every file of the folder. Fails if there is a subfolder: an export has none. */
static int clear(int folder, const char *path)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);

    if (dir == NULL) {
        err = bit_fail(-errno, "folder '%s'", path);
        if (copy >= 0)
            close(copy);
        return err;
    }
    for (struct dirent *e = readdir(dir); e != NULL && err >= 0; e = readdir(dir)) {
        const bool is_link = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
        if (!is_link && unlinkat(folder, e->d_name, 0) < 0)
            err = bit_fail(-errno, "removing '%s/%s'", path, e->d_name);
    }
    closedir(dir);
    return err;
}

static int check_replaceable(const struct bit_output *o)
{
    char mark[BIT_PATH_MAX + 32];
    struct stat st;

    if (lstat(o->path, &st) < 0)
        return errno == ENOENT ? 0 : bit_fail(-errno, "'%s'", o->path);
    if (!o->force)
        return bit_fail(-EEXIST, "'%s' exists; name another --output, or replace it with --force", o->path);
    snprintf(mark, sizeof mark, "%s/%s", o->path, BIT_OUTPUT_MARK);
    if (!S_ISDIR(st.st_mode) || lstat(mark, &st) < 0)
        return bit_fail(-EEXIST, "'%s' exists and is no export (it has no %s): --force replaces exports only", o->path,
                        BIT_OUTPUT_MARK);
    return 0;
}

/* Lock the partial folder and check that its name still refers to it: another process may have renamed it. */
static int lock(const struct bit_output *o)
{
    struct stat mine, named;

    const bool locked = flock(o->fd, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno != EWOULDBLOCK)
        return bit_fail(-errno, "'%s'", o->partial);
    if (!locked || fstat(o->fd, &mine) < 0 || lstat(o->partial, &named) < 0 || mine.st_ino != named.st_ino ||
        mine.st_dev != named.st_dev)
        return bit_fail(BIT_EBUSY, "'%s' is being written by another process", o->partial);
    return 0;
}

int bit_output_begin(struct bit_output *output, const char *path, bool force)
{
    struct bit_output o = {.force = force, .fd = -1};
    int err = set_paths(&o, path);

    if (err >= 0)
        err = check_replaceable(&o);
    if (err >= 0 && mkdir(o.partial, 0777) < 0 && errno != EEXIST)
        err = bit_fail(-errno, "folder '%s'", o.partial);
    if (err >= 0)
        o.fd = err = open_folder(o.partial);
    if (err >= 0)
        err = lock(&o);
    if (err >= 0)
        err = clear(o.fd, o.partial);
    if (err < 0) {
        if (o.fd >= 0)
            close(o.fd);
        return bit_err_output(err);
    }
    *output = o;
    return 0;
}

static int sync_parent(const struct bit_output *o)
{
    char parent[BIT_PATH_MAX];
    char *slash;

    strcpy(parent, o->path);
    slash = strrchr(parent, '/');
    if (slash == NULL)
        strcpy(parent, ".");
    else
        slash[slash == parent] = '\0';
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd < 0 || fsync(fd) < 0 ? bit_fail(-errno, "folder '%s'", parent) : 0;
    if (fd >= 0)
        close(fd);
    return err;
}

static int remove_folder(const char *path)
{
    int fd = open_folder(path);
    int err = fd < 0 ? fd : clear(fd, path);

    if (fd >= 0)
        close(fd);
    return err >= 0 && rmdir(path) < 0 ? bit_fail(-errno, "removing '%s'", path) : err;
}

/* Without RENAME_EXCHANGE, in two steps. Between them the earlier export is complete under another name. */
static int replace_in_steps(const struct bit_output *o)
{
    char aside[BIT_PATH_MAX + 16];

    snprintf(aside, sizeof aside, "%s.replaced", o->path);
    if (rename(o->path, aside) < 0 || rename(o->partial, o->path) < 0)
        return bit_fail(-errno, "replacing '%s'", o->path);
    return remove_folder(aside);
}

static int replace(const struct bit_output *o)
{
    if (renameat2(AT_FDCWD, o->partial, AT_FDCWD, o->path, RENAME_EXCHANGE) == 0)
        return remove_folder(o->partial);
    return errno == EINVAL || errno == ENOSYS ? replace_in_steps(o) : bit_fail(-errno, "replacing '%s'", o->path);
}

int bit_output_commit(struct bit_output *output)
{
    struct stat st;
    int err = check_replaceable(output);

    if (err >= 0 && fsync(output->fd) < 0)
        err = bit_fail(-errno, "folder '%s'", output->partial);
    if (err < 0)
        return bit_err_output(err);
    if (lstat(output->path, &st) == 0)
        err = replace(output);
    else if (rename(output->partial, output->path) < 0) /* rename() fails on a folder that is not empty */
        err = bit_fail(-errno, "naming '%s'", output->path);
    if (err < 0)
        return bit_err_output(err);
    close(output->fd);
    output->fd = -1;
    return bit_err_output(sync_parent(output));
}

void bit_output_finish(struct bit_output *output)
{
    if (output->path[0] == '\0' || output->fd < 0)
        return;
    if (clear(output->fd, output->partial) >= 0)
        rmdir(output->partial);
    close(output->fd);
    *output = (struct bit_output){.fd = -1};
}

/* ---- its files */

int bit_output_open(struct bit_output *output, const char *name, struct bit_output_file *out)
{
    struct bit_output_file f = {.output = output};

    snprintf(f.name, sizeof f.name, "%s", name);
    f.fd = openat(output->fd, f.name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f.fd < 0)
        return bit_err_output(bit_fail(-errno, "'%s/%s'", output->partial, f.name));
    *out = f;
    return 0;
}

static int failed(const struct bit_output_file *f)
{
    return bit_err_output(bit_fail(-errno, "writing '%s/%s'", f->output->partial, f->name));
}

int bit_output_write(struct bit_output_file *file, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;

    while (count > 0) {
        ssize_t n = write(file->fd, at, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(file);
        at += n;
        count -= (size_t)n;
        file->bytes += (uint64_t)n;
    }
    return 0;
}

int bit_output_close(struct bit_output_file *file, int err)
{
    if (err >= 0 && fsync(file->fd) < 0)
        err = failed(file);
    if (close(file->fd) < 0 && err >= 0)
        err = failed(file);
    file->fd = -1;
    if (err >= 0)
        file->output->bytes += file->bytes;
    return err;
}

int bit_output_file(struct bit_output *output, const char *name, const void *bytes, size_t count)
{
    struct bit_output_file file;
    int err = bit_output_open(output, name, &file);

    return err < 0 ? err : bit_output_close(&file, bit_output_write(&file, bytes, count));
}

int bit_output_read(const struct bit_output *output, const char *name)
{
    int fd = openat(output->fd, name, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? bit_fail(-errno, "'%s/%s'", output->partial, name) : fd;
}
