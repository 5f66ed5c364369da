#include "proto/data/token_file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/full_io.h"

#define SCAN_TOKENS 64 /* compared without a branch, so that the compiler can vectorise */

static uint64_t to_ns(struct timespec t)
{
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int note_facts(const char *path, int fd, unsigned token_bytes, struct bit_token_file *f)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return bit_fail(-errno, "token file '%s'", path);
    if (!S_ISREG(st.st_mode))
        return bit_fail(BIT_EDATA, "token file '%s' is not a regular file", path);
    if (st.st_size == 0)
        return bit_fail(BIT_EDATA, "token file '%s' is empty", path);
    if (st.st_size % token_bytes != 0)
        return bit_fail(BIT_EDATA, "token file '%s' has %" PRIu64 " bytes, which is no whole number of %u-bit ids",
                        path, (uint64_t)st.st_size, 8 * token_bytes);
    *f = (struct bit_token_file){.fd = fd,
                                 .path = path,
                                 .token_bytes = token_bytes,
                                 .bytes = (uint64_t)st.st_size,
                                 .mtime_ns = to_ns(st.st_mtim),
                                 .ctime_ns = to_ns(st.st_ctim),
                                 .inode = st.st_ino,
                                 .device = st.st_dev};
    return 0;
}

int bit_token_file_open(const char *path, unsigned token_bytes, struct bit_token_file *out)
{
    /* Non-blocking, so that a FIFO is refused instead of waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int err;

    BIT_ASSERT(token_bytes == sizeof(uint16_t) || token_bytes == sizeof(uint32_t));
    if (fd < 0)
        return bit_fail(-errno, "token file '%s'", path);
    err = note_facts(path, fd, token_bytes, out);
    if (err < 0)
        close(fd);
    return err;
}

void bit_token_file_close(struct bit_token_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

uint64_t bit_token_file_instances(const struct bit_token_file *f, uint32_t context)
{
    return f->bytes / ((uint64_t)context * f->token_bytes);
}

static int read_all(const struct bit_token_file *f, uint64_t offset, uint8_t *out, size_t bytes)
{
    size_t got;
    int err = bit_full_io_read_at(f->fd, out, bytes, offset, &got);

    if (err < 0)
        return bit_fail(err, "token file '%s' at byte %" PRIu64, f->path, offset + got);
    if (got < bytes)
        return bit_fail(BIT_EDATA, "token file '%s' ends at byte %" PRIu64 "; it had %" PRIu64 " when it was opened",
                        f->path, offset + got, f->bytes);
    return 0;
}

/* Called after the read, to know that the bytes are from the unchanged file. */
static int check_unchanged(const struct bit_token_file *f, uint64_t offset)
{
    struct stat st;

    if (fstat(f->fd, &st) < 0)
        return bit_fail(-errno, "token file '%s'", f->path);
    if ((uint64_t)st.st_size == f->bytes && to_ns(st.st_mtim) == f->mtime_ns)
        return 0;
    if ((uint64_t)st.st_size == f->bytes)
        return bit_fail(BIT_EDATA,
                        "%s: changed under the run, seen before byte %" PRIu64 ": written to at the same size", f->path,
                        offset);
    return bit_fail(BIT_EDATA,
                    "%s: changed under the run, seen before byte %" PRIu64 ": %" PRIu64 " bytes then, %" PRIu64 " now",
                    f->path, offset, f->bytes, (uint64_t)st.st_size);
}

static void to_host_order(void *tokens, size_t count, unsigned token_bytes)
{
    uint16_t *narrow = tokens;
    uint32_t *wide = tokens;

    for (size_t i = 0; i < count && token_bytes == sizeof *narrow; i++)
        narrow[i] = le16toh(narrow[i]);
    for (size_t i = 0; i < count && token_bytes == sizeof *wide; i++)
        wide[i] = le32toh(wide[i]);
}

int bit_token_file_read(const struct bit_token_file *f, uint64_t index, uint32_t context, void *tokens)
{
    size_t bytes = (size_t)context * f->token_bytes;
    int err;

    BIT_ASSERT(index < bit_token_file_instances(f, context));
    err = read_all(f, index * bytes, tokens, bytes);
    if (err < 0)
        return err;
    to_host_order(tokens, context, f->token_bytes);
    return check_unchanged(f, index * bytes);
}

uint32_t bit_token_id(const void *tokens, size_t i, unsigned token_bytes)
{
    return token_bytes == sizeof(uint16_t) ? ((const uint16_t *)tokens)[i] : ((const uint32_t *)tokens)[i];
}

static bool any_invalid(const void *tokens, size_t at, unsigned token_bytes, uint32_t vocab)
{
    const uint16_t *narrow = (const uint16_t *)tokens + at;
    const uint32_t *wide = (const uint32_t *)tokens + at;
    unsigned found = 0;

    for (int i = 0; i < SCAN_TOKENS && token_bytes == sizeof *narrow; i++)
        found |= narrow[i] >= vocab;
    for (int i = 0; i < SCAN_TOKENS && token_bytes == sizeof *wide; i++)
        found |= wide[i] >= vocab;
    return found != 0;
}

int64_t bit_token_find_invalid(const void *tokens, size_t count, unsigned token_bytes, uint32_t vocab)
{
    size_t at = 0;

    while (count - at >= SCAN_TOKENS && !any_invalid(tokens, at, token_bytes, vocab))
        at += SCAN_TOKENS;
    for (; at < count; at++)
        if (bit_token_id(tokens, at, token_bytes) >= vocab)
            return (int64_t)at;
    return -1;
}
