#include "ctl/dataset.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"

#define BUFFER_BYTES (1u << 20)
#define NAME_MAX_OUT 64

struct part {
    uint64_t tokens, documents;
    uint32_t crc;
};

struct bit_dataset {
    struct bit_dataset_options options;
    int folder;    /* its descriptor, locked */
    int tokens_fd; /* of the part under way, -1 for none */
    int index_fd;
    gzFile index;
    uint8_t *buffer;
    size_t buffered;
    struct part *parts; /* the last is the one under way */
    size_t part_count, part_room;
    bool finished;
};

/* ---- names ---- */

static void part_name(char out[NAME_MAX_OUT], size_t part, const char *end)
{
    snprintf(out, NAME_MAX_OUT, "part-0-%05zu.%s", part, end);
}

static int fail_file(const struct bit_dataset *d, const char *name)
{
    return bit_fail(-errno, "'%s/%s'", d->options.folder, name);
}

static int make_folders(const char *path)
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

/* ---- one part ---- */

static int write_all(struct bit_dataset *d, int fd, const char *name, const void *data, size_t bytes)
{
    const uint8_t *at = data;

    while (bytes > 0) {
        ssize_t n = write(fd, at, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_file(d, name);
        at += n;
        bytes -= (size_t)n;
    }
    return 0;
}

static int flush_tokens(struct bit_dataset *d)
{
    struct part *part = &d->parts[d->part_count - 1];
    char name[NAME_MAX_OUT];

    part_name(name, d->part_count - 1, "npy.partial");
    part->crc = bit_crc32c(part->crc, d->buffer, d->buffered);
    int err = write_all(d, d->tokens_fd, name, d->buffer, d->buffered);
    d->buffered = 0;
    return err;
}

static int open_file(struct bit_dataset *d, const char *end, int *fd)
{
    char name[NAME_MAX_OUT];

    part_name(name, d->part_count - 1, end);
    *fd = openat(d->folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return *fd < 0 ? fail_file(d, name) : 0;
}

static int begin_part(struct bit_dataset *d)
{
    if (d->part_count == d->part_room) {
        size_t room = d->part_room * 2 + 16;
        struct part *parts = realloc(d->parts, room * sizeof *parts);
        if (parts == NULL)
            return bit_fail(-ENOMEM, "list of token files");
        d->parts = parts;
        d->part_room = room;
    }
    d->parts[d->part_count++] = (struct part){0};
    int err = open_file(d, "npy.partial", &d->tokens_fd);
    if (err == 0)
        err = open_file(d, "csv.gz.partial", &d->index_fd);
    if (err < 0)
        return err;
    int copy = fcntl(d->index_fd, F_DUPFD_CLOEXEC, 0); /* gzclose closes it; the sync needs the other */
    d->index = copy < 0 ? NULL : gzdopen(copy, "wb");
    if (d->index == NULL) {
        err = bit_fail(copy < 0 ? -errno : -ENOMEM, "'%s': document index", d->options.folder);
        if (copy >= 0)
            close(copy);
    }
    return err;
}

static int publish(struct bit_dataset *d, const char *end)
{
    char partial[NAME_MAX_OUT], name[NAME_MAX_OUT], with[32];

    snprintf(with, sizeof with, "%s.partial", end);
    part_name(partial, d->part_count - 1, with);
    part_name(name, d->part_count - 1, end);
    return renameat(d->folder, partial, d->folder, name) < 0 ? fail_file(d, name) : 0;
}

static int close_index(struct bit_dataset *d)
{
    gzFile index = d->index;

    d->index = NULL;
    int code = gzclose(index);
    if (code != Z_OK)
        return bit_fail(code == Z_ERRNO ? -errno : -EIO, "'%s': document index", d->options.folder);
    return 0;
}

static int sync_close(struct bit_dataset *d, int *fd)
{
    int copy = *fd, err = 0;

    *fd = -1;
    if (fsync(copy) < 0)
        err = fail_file(d, "sync");
    if (close(copy) < 0 && err == 0)
        err = fail_file(d, "close");
    return err;
}

static int end_part(struct bit_dataset *d)
{
    int err = flush_tokens(d);

    if (err == 0)
        err = close_index(d);
    if (err == 0)
        err = sync_close(d, &d->index_fd);
    if (err == 0)
        err = sync_close(d, &d->tokens_fd);
    if (err == 0)
        err = publish(d, "csv.gz");
    return err < 0 ? err : publish(d, "npy");
}

/* ---- documents ---- */

static int put(struct bit_dataset *d, const void *data, size_t bytes)
{
    if (bytes > 0 && gzwrite(d->index, data, (unsigned)bytes) == 0) {
        int code;
        const char *why = gzerror(d->index, &code);
        return bit_fail(code == Z_ERRNO ? -errno : -EIO, "'%s': document index: %s", d->options.folder, why);
    }
    return 0;
}

/* A field as Python's csv.writer has it: in quotes if it holds a comma, a quote or a line end. */
static int put_field(struct bit_dataset *d, const uint8_t *field, size_t bytes)
{
    bool quote = false;
    int err = 0;

    for (size_t i = 0; i < bytes; i++)
        quote = quote || field[i] == ',' || field[i] == '"' || field[i] == '\r' || field[i] == '\n';
    if (!quote)
        return put(d, field, bytes);
    err = put(d, "\"", 1);
    for (size_t done = 0; err == 0 && done < bytes;) {
        const uint8_t *mark = memchr(field + done, '"', bytes - done);
        size_t plain = mark == NULL ? bytes - done : (size_t)(mark - field) - done + 1;
        err = put(d, field + done, plain);
        if (err == 0 && mark != NULL)
            err = put(d, "\"", 1);
        done += plain;
    }
    return err < 0 ? err : put(d, "\"", 1);
}

static int put_row(struct bit_dataset *d, uint64_t start, uint64_t end, const struct bit_dataset_row *row)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%" PRIu64 ",%" PRIu64 ",", start, end);
    int err = put(d, text, (size_t)n);

    if (err == 0)
        err = put_field(d, row->id, row->id_bytes);
    if (err == 0)
        err = put(d, ",", 1);
    if (err == 0)
        err = put_field(d, (const uint8_t *)row->source, strlen(row->source));
    n = snprintf(text, sizeof text, ",%" PRIu64 "\r\n", row->line);
    return err < 0 ? err : put(d, text, (size_t)n);
}

static int put_tokens(struct bit_dataset *d, const uint8_t *tokens, size_t bytes)
{
    while (bytes > 0) {
        size_t n = BIT_MIN(bytes, BUFFER_BYTES - d->buffered);
        memcpy(d->buffer + d->buffered, tokens, n);
        d->buffered += n;
        tokens += n;
        bytes -= n;
        int err = d->buffered == BUFFER_BYTES ? flush_tokens(d) : 0;
        if (err < 0)
            return err;
    }
    return 0;
}

int bit_dataset_add(struct bit_dataset *d, const uint8_t *tokens, size_t count, const struct bit_dataset_row *row)
{
    struct part *part = d->part_count > 0 ? &d->parts[d->part_count - 1] : NULL;
    int err = 0;

    if (part != NULL && part->tokens > 0 && part->tokens + count >= d->options.file_tokens) {
        err = end_part(d);
        part = NULL;
    }
    if (err == 0 && part == NULL)
        err = begin_part(d);
    if (err < 0)
        return err;
    part = &d->parts[d->part_count - 1];
    err = put_row(d, part->tokens, part->tokens + count, row);
    part->tokens += count;
    part->documents++;
    return err < 0 ? err : put_tokens(d, tokens, count * d->options.token_bytes);
}

/* ---- whole ---- */

static bool has(const struct bit_dataset *d, const char *name)
{
    return faccessat(d->folder, name, F_OK, 0) == 0;
}

static int claim(struct bit_dataset *d)
{
    char first[NAME_MAX_OUT];

    if (flock(d->folder, LOCK_EX | LOCK_NB) < 0)
        return bit_fail(errno == EWOULDBLOCK ? BIT_EBUSY : -errno, "'%s' is being written by another process",
                        d->options.folder);
    part_name(first, 0, "npy");
    if (!d->options.force && (has(d, BIT_DATASET_META) || has(d, first)))
        return bit_fail(-EEXIST, "'%s' has token files already", d->options.folder);
    if (unlinkat(d->folder, BIT_DATASET_META, 0) < 0 && errno != ENOENT)
        return fail_file(d, BIT_DATASET_META);
    return 0;
}

int bit_dataset_create(const struct bit_dataset_options *options, struct bit_dataset **out)
{
    struct bit_dataset *d = NULL;
    int err = make_folders(options->folder);

    if (err < 0)
        return err;
    BIT_ASSERT(options->token_bytes == 2 || options->token_bytes == 4);
    d = calloc(1, sizeof *d);
    if (d == NULL || (d->buffer = malloc(BUFFER_BYTES)) == NULL) {
        free(d);
        return bit_fail(-ENOMEM, "dataset '%s'", options->folder);
    }
    d->options = *options;
    d->tokens_fd = d->index_fd = -1;
    d->folder = open(options->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    err = d->folder < 0 ? bit_fail(-errno, "folder '%s'", options->folder) : claim(d);
    if (err < 0) {
        bit_dataset_destroy(d);
        return err;
    }
    *out = d;
    return 0;
}

/* Parts of an earlier dataset in this folder that was longer. */
static void remove_rest(struct bit_dataset *d)
{
    char name[NAME_MAX_OUT];

    for (size_t part = d->part_count;; part++) {
        part_name(name, part, "csv.gz");
        unlinkat(d->folder, name, 0);
        part_name(name, part, "npy");
        if (unlinkat(d->folder, name, 0) < 0)
            return;
    }
}

static json_t *describe_parts(const struct bit_dataset *d, uint64_t *tokens, uint64_t *documents)
{
    json_t *files = json_array();

    for (size_t i = 0; i < d->part_count; i++) {
        const struct part *p = &d->parts[i];
        char name[NAME_MAX_OUT], crc[16];
        part_name(name, i, "npy");
        snprintf(crc, sizeof crc, "%08" PRIx32, p->crc);
        json_array_append_new(files, json_pack("{s:s, s:I, s:I, s:s}", "name", name, "tokens", (json_int_t)p->tokens,
                                               "documents", (json_int_t)p->documents, "crc32c", crc));
        *tokens += p->tokens;
        *documents += p->documents;
    }
    return files;
}

static int write_meta(struct bit_dataset *d, json_t *meta)
{
    uint64_t tokens = 0, documents = 0;
    json_t *files = describe_parts(d, &tokens, &documents);
    char *text = NULL;
    int fd = -1, err = 0;

    if (json_object_set_new(meta, "dtype", json_string(d->options.token_bytes == 2 ? "uint16" : "uint32")) != 0 ||
        json_object_set_new(meta, "documents", json_integer((json_int_t)documents)) != 0 ||
        json_object_set_new(meta, "tokens", json_integer((json_int_t)tokens)) != 0 ||
        json_object_set_new(meta, "files", files) != 0 || (text = json_dumps(meta, JSON_INDENT(2))) == NULL) {
        err = bit_fail(-ENOMEM, "'%s/%s'", d->options.folder, BIT_DATASET_META);
        goto out;
    }
    fd = openat(d->folder, BIT_DATASET_META ".partial", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        err = fail_file(d, BIT_DATASET_META);
        goto out;
    }
    err = write_all(d, fd, BIT_DATASET_META, text, strlen(text));
    if (err == 0)
        err = write_all(d, fd, BIT_DATASET_META, "\n", 1);
    if (err == 0)
        err = sync_close(d, &fd);
    if (err == 0 && renameat(d->folder, BIT_DATASET_META ".partial", d->folder, BIT_DATASET_META) < 0)
        err = fail_file(d, BIT_DATASET_META);
out:
    if (fd >= 0)
        close(fd);
    free(text);
    return err;
}

int bit_dataset_finish(struct bit_dataset *d, json_t *meta)
{
    int err = d->part_count > 0 ? end_part(d) : 0;

    if (err < 0)
        return err;
    remove_rest(d);
    if (fsync(d->folder) < 0)
        return fail_file(d, ".");
    err = write_meta(d, meta);
    if (err == 0 && fsync(d->folder) < 0)
        err = fail_file(d, ".");
    d->finished = err == 0;
    return err;
}

static void remove_written(struct bit_dataset *d)
{
    static const char *const ends[] = {"npy", "csv.gz", "npy.partial", "csv.gz.partial"};
    char name[NAME_MAX_OUT];

    for (size_t part = 0; part < d->part_count; part++) {
        for (size_t i = 0; i < BIT_COUNT(ends); i++) {
            part_name(name, part, ends[i]);
            unlinkat(d->folder, name, 0);
        }
    }
    unlinkat(d->folder, BIT_DATASET_META ".partial", 0);
}

void bit_dataset_destroy(struct bit_dataset *d)
{
    if (d == NULL)
        return;
    if (d->index != NULL)
        gzclose(d->index);
    if (d->index_fd >= 0)
        close(d->index_fd);
    if (d->tokens_fd >= 0)
        close(d->tokens_fd);
    if (d->folder >= 0) {
        if (!d->finished)
            remove_written(d);
        close(d->folder);
    }
    free(d->parts);
    free(d->buffer);
    free(d);
}
