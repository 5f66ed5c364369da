#include "proto/data/shards.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/data/token_file.h"
#include "proto/err.h"
#include "proto/limits.h"

/* Descriptors kept open at once: a shuffled batch touches many files, and a set may have thousands. */
#define OPEN_FILES_MAX 64

struct shard {
    struct bit_token_file file; /* file.fd is -1 while it is closed */
    uint64_t first;             /* index of its first instance */
};

struct bit_shards {
    struct shard *shard;
    size_t shard_count;
    uint64_t instances;
    struct bit_shards_shape shape;
    size_t open[OPEN_FILES_MAX]; /* shards with a descriptor, a ring: the oldest is closed for the newest */
    size_t open_count, open_next;
};

struct bit_shards_shape bit_shards_shape(const Bit__RunSpec *spec)
{
    return (struct bit_shards_shape){
        .context = spec->model->context, .vocab = spec->model->vocab, .token_bytes = (unsigned)spec->data->dtype};
}

void bit_shards_destroy(struct bit_shards *ds)
{
    if (ds == NULL)
        return;
    for (size_t i = 0; i < ds->shard_count; i++) {
        if (ds->shard[i].file.fd >= 0)
            bit_token_file_close(&ds->shard[i].file);
        free((void *)(uintptr_t)ds->shard[i].file.path);
    }
    free(ds->shard);
    free(ds);
}

static int add_shard(struct bit_shards *ds, const char *path)
{
    struct shard *s = &ds->shard[ds->shard_count];
    struct bit_token_file file;
    int err = bit_token_file_open(path, ds->shape.token_bytes, &file);

    if (err < 0)
        return err;
    *s = (struct shard){.file = file, .first = ds->instances};
    bit_token_file_close(&file);
    s->file.fd = -1;
    s->file.path = strdup(path);
    if (s->file.path == NULL)
        return bit_fail(-ENOMEM, "the path of a token file");
    ds->instances += bit_token_file_instances(&s->file, ds->shape.context);
    ds->shard_count++;
    return 0;
}

int bit_shards_create(char *const *paths, size_t count, const struct bit_shards_shape *shape, struct bit_shards **out)
{
    int err = 0;
    struct bit_shards *ds = calloc(1, sizeof *ds);

    if (ds == NULL || (ds->shard = calloc(count ? count : 1, sizeof *ds->shard)) == NULL) {
        err = bit_fail(-ENOMEM, "%zu token files", count);
        goto out;
    }
    ds->shape = *shape;
    for (size_t i = 0; i < count && err == 0; i++)
        err = add_shard(ds, paths[i]);
    if (err < 0)
        goto out;
    *out = ds;
    ds = NULL;
out:
    bit_shards_destroy(ds);
    return err;
}

uint64_t bit_shards_instances(const struct bit_shards *ds)
{
    return ds->instances;
}

/* The last shard that begins at or before the instance; it is never one without instances. */
static struct shard *find_shard(const struct bit_shards *ds, uint64_t index)
{
    size_t low = 0, high = ds->shard_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (ds->shard[middle].first <= index)
            low = middle;
        else
            high = middle;
    }
    return &ds->shard[low];
}

static uint64_t to_ns(struct timespec t)
{
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int check_unchanged(const struct bit_token_file *was, int fd, uint64_t offset)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return bit_fail(-errno, "'%s'", was->path);
    uint64_t bytes = (uint64_t)st.st_size;
    bool same = st.st_ino == was->inode && st.st_dev == was->device;
    bool written = to_ns(st.st_mtim) != was->mtime_ns;
    if (bytes == was->bytes && same && !written)
        return 0;
    if (bytes < was->bytes)
        return bit_fail(BIT_EDATA, "%s: truncated at byte %" PRIu64 ", it had %" PRIu64 " bytes when the run opened it",
                        was->path, bytes, was->bytes);
    if (bytes > was->bytes)
        return bit_fail(BIT_EDATA,
                        "%s: changed under the run, seen before byte %" PRIu64 ": %" PRIu64 " bytes then, %" PRIu64
                        " now",
                        was->path, offset, was->bytes, bytes);
    return bit_fail(BIT_EDATA, "%s: changed under the run, seen before byte %" PRIu64 ": %s", was->path, offset,
                    same ? "written to at the same size" : "another file in its place");
}

/* An open file is checked too: its descriptor stays valid when the file is written to. */
static int open_shard(struct bit_shards *ds, struct shard *s, uint64_t offset)
{
    if (s->file.fd >= 0)
        return check_unchanged(&s->file, s->file.fd, offset);
    struct bit_token_file file;
    int err = bit_token_file_open(s->file.path, ds->shape.token_bytes, &file);
    if (err < 0)
        return err;
    err = check_unchanged(&s->file, file.fd, offset);
    if (err < 0) {
        bit_token_file_close(&file);
        return err;
    }
    if (ds->open_count == OPEN_FILES_MAX) {
        struct shard *oldest = &ds->shard[ds->open[ds->open_next]];
        bit_token_file_close(&oldest->file);
        oldest->file.fd = -1;
    } else {
        ds->open_count++;
    }
    ds->open[ds->open_next] = (size_t)(s - ds->shard);
    ds->open_next = (ds->open_next + 1) % OPEN_FILES_MAX;
    s->file.fd = file.fd;
    return 0;
}

void bit_shards_find(const struct bit_shards *ds, uint64_t index, struct bit_shard_place *out)
{
    BIT_ASSERT(index < ds->instances);
    const struct shard *s = find_shard(ds, index);
    *out = (struct bit_shard_place){
        .path = s->file.path, .instance = index - s->first, .token = (index - s->first) * ds->shape.context};
}

size_t bit_shards_files(const struct bit_shards *ds)
{
    return ds->shard_count;
}

const struct bit_token_file *bit_shards_file(const struct bit_shards *ds, size_t i)
{
    BIT_ASSERT(i < ds->shard_count);
    return &ds->shard[i].file;
}

int bit_shards_read(struct bit_shards *ds, uint64_t index, void *tokens)
{
    BIT_ASSERT(index < ds->instances);
    const struct bit_shards_shape *shape = &ds->shape;
    struct shard *s = find_shard(ds, index);
    uint64_t within = index - s->first;
    int err = open_shard(ds, s, within * shape->context * shape->token_bytes);
    if (err < 0)
        return err;
    err = bit_token_file_read(&s->file, within, shape->context, tokens);
    if (err < 0)
        return err;
    int64_t bad = bit_token_find_invalid(tokens, shape->context, shape->token_bytes, shape->vocab);
    if (bad >= 0)
        return bit_fail(BIT_EDATA, "%s: token id %u at byte %" PRIu64 " is not below the vocabulary's %u", s->file.path,
                        bit_token_id(tokens, (size_t)bad, shape->token_bytes),
                        (within * shape->context + (uint64_t)bad) * shape->token_bytes, shape->vocab);
    return 0;
}
