#include "worker/product_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/log.h"
#include "proto/regular_file.h"
#include "worker/ckpt/ckpt_io.h"

BIT_LOG_TOPIC("product_file");

#define FILE_BYTES_MAX (BIT_PRODUCT_SET_BYTES_MAX + sizeof(uint32_t))

static int read_file(const char *path, struct bit_product_set *out)
{
    struct stat st;
    uint8_t *file = NULL;
    size_t bytes = 0;
    int fd = bit_regular_file_open(path, false, &st), err;

    if (fd < 0)
        return fd;
    err = bit_regular_file_read(fd, path, &st, FILE_BYTES_MAX, &file, &bytes);
    close(fd);
    if (err >= 0)
        err = bit_product_set_open(file, bytes, out);
    free(file);
    return err;
}

void bit_product_file_read(const char *dir, struct bit_product_set *out)
{
    char path[BIT_PATH_MAX], aside[BIT_PATH_MAX];
    int err = bit_io_join(path, dir, BIT_PRODUCT_FILE);

    *out = (struct bit_product_set){0};
    if (err >= 0)
        err = read_file(path, out);
    if (err >= 0 || err == -ENOENT)
        return;
    bit_warn("products of earlier launches not read", "file=%s why=\"%s\" text=\"they are looked for anew\"", path,
             bit_fail_text());
    if (bit_io_join(aside, dir, BIT_PRODUCT_FILE ".damaged") >= 0)
        rename(path, aside);
}

static int write_file(const char *path, const uint8_t *file, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666), err;

    if (fd < 0)
        return bit_fail(-errno, "creating '%s'", path);
    err = bit_io_pwrite(fd, path, file, bytes, 0);
    if (err >= 0 && fsync(fd) < 0)
        err = bit_fail(-errno, "syncing '%s'", path);
    close(fd);
    return err;
}

static int sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd < 0 || fsync(fd) < 0 ? bit_fail(-errno, "syncing '%s'", dir) : 0;

    if (fd >= 0)
        close(fd);
    return err;
}

static int keep(const char *dir, const uint8_t *file, size_t bytes)
{
    char path[BIT_PATH_MAX], beside[BIT_PATH_MAX];
    int err = bit_io_join(path, dir, BIT_PRODUCT_FILE);

    if (err >= 0)
        err = bit_io_join(beside, dir, BIT_PRODUCT_FILE ".new");
    if (err >= 0 && mkdir(dir, 0777) < 0 && errno != EEXIST)
        err = bit_fail(-errno, "creating '%s'", dir);
    if (err >= 0)
        err = write_file(beside, file, bytes);
    if (err >= 0 && rename(beside, path) < 0)
        err = bit_fail(-errno, "renaming '%s'", beside);
    return err < 0 ? err : sync_folder(dir);
}

void bit_product_file_keep(const char *dir, const struct bit_product_set *set)
{
    uint8_t *file = NULL;
    size_t bytes = 0;
    int err = bit_product_set_seal(set, &file, &bytes);

    if (err >= 0)
        err = keep(dir, file, bytes);
    if (err < 0)
        bit_warn("products not kept", "why=\"%s\"", bit_fail_text());
    free(file);
}
