#include "ctl/tokenize/part.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"

#define BUFFER_BYTES (1u << 20)

struct bit_part {
    int folder;
    const char *folder_name;
    unsigned token_bytes;
    size_t number;
    uint64_t tokens, documents;
    uint32_t crc;
    int tokens_fd; /* -1: no part is open */
    int index_fd;
    gzFile index;
    size_t buffered;
    uint8_t buffer[BUFFER_BYTES];
};

void bit_part_name(char out[BIT_PART_NAME_MAX], size_t number, const char *end)
{
    snprintf(out, BIT_PART_NAME_MAX, "part-0-%05zu.%s", number, end);
}

static int fail_file(const struct bit_part *p, const char *end)
{
    int err = -errno;
    char name[BIT_PART_NAME_MAX];

    bit_part_name(name, p->number, end);
    return bit_fail(err, "'%s/%s'", p->folder_name, name);
}

int bit_part_create(int folder, const char *folder_name, unsigned token_bytes, struct bit_part **out)
{
    struct bit_part *p = malloc(sizeof *p);

    if (p == NULL)
        return bit_fail(-ENOMEM, "buffer of a token file");
    p->folder = folder;
    p->folder_name = folder_name;
    p->token_bytes = token_bytes;
    p->tokens_fd = p->index_fd = -1;
    p->index = NULL;
    *out = p;
    return 0;
}

/* ---- begin */

static int open_file(const struct bit_part *p, const char *end, int *fd)
{
    char name[BIT_PART_NAME_MAX];

    bit_part_name(name, p->number, end);
    *fd = openat(p->folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return *fd < 0 ? fail_file(p, end) : 0;
}

/* gzclose closes the descriptor it was given; fsync after that needs another one. */
static int open_index(struct bit_part *p)
{
    int copy = fcntl(p->index_fd, F_DUPFD_CLOEXEC, 0);

    p->index = copy < 0 ? NULL : gzdopen(copy, "wb");
    if (p->index != NULL)
        return 0;
    int err = copy < 0 ? fail_file(p, "csv.gz") : bit_fail(-ENOMEM, "'%s': document index", p->folder_name);
    if (copy >= 0)
        close(copy);
    return err;
}

int bit_part_begin(struct bit_part *p, size_t number)
{
    p->number = number;
    p->tokens = p->documents = 0;
    p->crc = 0;
    p->buffered = 0;
    int err = open_file(p, "npy.partial", &p->tokens_fd);
    if (err == 0)
        err = open_file(p, "csv.gz.partial", &p->index_fd);
    return err < 0 ? err : open_index(p);
}

bool bit_part_is_open(const struct bit_part *p)
{
    return p->tokens_fd >= 0;
}

uint64_t bit_part_tokens(const struct bit_part *p)
{
    return p->tokens;
}

uint64_t bit_part_documents(const struct bit_part *p)
{
    return p->documents;
}

/* ---- documents */

static int flush_tokens(struct bit_part *p)
{
    const uint8_t *at = p->buffer;

    p->crc = bit_crc32c(p->crc, p->buffer, p->buffered);
    while (p->buffered > 0) {
        ssize_t n = write(p->tokens_fd, at, p->buffered);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_file(p, "npy.partial");
        at += n;
        p->buffered -= (size_t)n;
    }
    return 0;
}

static int put_tokens(struct bit_part *p, const uint8_t *tokens, size_t bytes)
{
    while (bytes > 0) {
        size_t n = BIT_MIN(bytes, BUFFER_BYTES - p->buffered);
        memcpy(p->buffer + p->buffered, tokens, n);
        p->buffered += n;
        tokens += n;
        bytes -= n;
        int err = p->buffered == BUFFER_BYTES ? flush_tokens(p) : 0;
        if (err < 0)
            return err;
    }
    return 0;
}

static int put(struct bit_part *p, const void *data, size_t bytes)
{
    if (bytes == 0 || gzwrite(p->index, data, (unsigned)bytes) != 0)
        return 0;
    int code;
    const char *why = gzerror(p->index, &code);
    return code == Z_ERRNO ? fail_file(p, "csv.gz.partial")
                           : bit_fail(-EIO, "'%s': document index: %s", p->folder_name, why);
}

/* Write a field as Python's csv.writer does: in quotes if it contains a comma, a quote or a line end. */
static int put_field(struct bit_part *p, const uint8_t *field, size_t bytes)
{
    bool quote = false;
    int err = 0;

    for (size_t i = 0; i < bytes; i++)
        quote = quote || field[i] == ',' || field[i] == '"' || field[i] == '\r' || field[i] == '\n';
    if (!quote)
        return put(p, field, bytes);
    err = put(p, "\"", 1);
    for (size_t done = 0; err == 0 && done < bytes;) {
        const uint8_t *mark = memchr(field + done, '"', bytes - done);
        size_t plain = mark == NULL ? bytes - done : (size_t)(mark - field) - done + 1;
        err = put(p, field + done, plain);
        if (err == 0 && mark != NULL)
            err = put(p, "\"", 1);
        done += plain;
    }
    return err < 0 ? err : put(p, "\"", 1);
}

static int put_row(struct bit_part *p, uint64_t start, uint64_t end, const struct bit_part_row *row)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%" PRIu64 ",%" PRIu64 ",", start, end);
    int err = put(p, text, (size_t)n);

    if (err == 0)
        err = put_field(p, row->id, row->id_bytes);
    if (err == 0)
        err = put(p, ",", 1);
    if (err == 0)
        err = put_field(p, (const uint8_t *)row->source, strlen(row->source));
    n = snprintf(text, sizeof text, ",%" PRIu64 "\r\n", row->line);
    return err < 0 ? err : put(p, text, (size_t)n);
}

int bit_part_add(struct bit_part *p, const uint8_t *tokens, size_t count, const struct bit_part_row *row)
{
    int err = put_row(p, p->tokens, p->tokens + count, row);

    p->tokens += count;
    p->documents++;
    return err < 0 ? err : put_tokens(p, tokens, count * p->token_bytes);
}

/* ---- end */

static int close_index(struct bit_part *p)
{
    gzFile index = p->index;

    p->index = NULL;
    int code = gzclose(index);
    if (code == Z_OK)
        return 0;
    return code == Z_ERRNO ? fail_file(p, "csv.gz.partial") : bit_fail(-EIO, "'%s': document index", p->folder_name);
}

static int sync_close(const struct bit_part *p, const char *end, int *fd)
{
    int copy = *fd, err = 0;

    *fd = -1;
    if (fsync(copy) < 0)
        err = fail_file(p, end);
    if (close(copy) < 0 && err == 0)
        err = fail_file(p, end);
    return err;
}

static int publish(const struct bit_part *p, const char *partial_end, const char *end)
{
    char partial[BIT_PART_NAME_MAX], name[BIT_PART_NAME_MAX];

    bit_part_name(partial, p->number, partial_end);
    bit_part_name(name, p->number, end);
    return renameat(p->folder, partial, p->folder, name) < 0 ? fail_file(p, end) : 0;
}

int bit_part_end(struct bit_part *p, uint32_t *crc)
{
    int err = flush_tokens(p);

    if (err == 0)
        err = close_index(p);
    if (err == 0)
        err = sync_close(p, "csv.gz.partial", &p->index_fd);
    if (err == 0)
        err = sync_close(p, "npy.partial", &p->tokens_fd);
    if (err == 0)
        err = publish(p, "csv.gz.partial", "csv.gz");
    if (err == 0)
        err = publish(p, "npy.partial", "npy");
    if (err == 0 && fsync(p->folder) < 0)
        err = bit_fail(-errno, "folder '%s'", p->folder_name);
    if (err == 0)
        *crc = p->crc;
    return err;
}

void bit_part_destroy(struct bit_part *p)
{
    if (p == NULL)
        return;
    if (p->index != NULL)
        gzclose(p->index);
    if (p->index_fd >= 0)
        close(p->index_fd);
    if (p->tokens_fd >= 0)
        close(p->tokens_fd);
    free(p);
}
