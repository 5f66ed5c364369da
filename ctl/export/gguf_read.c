#include "ctl/export/gguf_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/full_io.h"

/* ---- bytes */

/* A reading position. When bytes are missing, `short_of` is set and nothing more is read. */
struct cursor {
    const uint8_t *buf;
    size_t at, bytes;
    bool short_of;
};

static const uint8_t *take(struct cursor *c, uint64_t count)
{
    if (c->short_of || count > c->bytes - c->at) {
        c->short_of = true;
        return NULL;
    }
    c->at += count;
    return c->buf + (c->at - count);
}

static uint64_t take_number(struct cursor *c, int bytes)
{
    const uint8_t *in = take(c, (uint64_t)bytes);
    uint64_t value = 0;

    for (int i = 0; in != NULL && i < bytes; i++)
        value |= (uint64_t)in[i] << 8 * i;
    return value;
}

/* Read a text, which is borrowed from the buffer. */
static const char *take_text(struct cursor *c, size_t *bytes)
{
    const uint64_t length = take_number(c, 8);

    *bytes = (size_t)length;
    return (const char *)take(c, length);
}

/* ---- pairs */

static int corrupt(const char *what, size_t bytes, const char *why)
{
    return bit_fail(BIT_ECORRUPT, "GGUF: '%.*s' %s", (int)BIT_MIN(bytes, 100), what, why);
}

/* Bytes of a value of this type; 0 for texts and arrays, -1 for an unknown type. */
static int value_bytes(uint64_t type)
{
    static const int8_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

    return type < BIT_COUNT(bytes) ? bytes[type] : -1;
}

static int take_value(struct cursor *c, struct bit_gguf_pair *p)
{
    uint64_t type = take_number(c, 4);
    size_t bytes;

    p->is_array = type == BIT_GGUF_VALUE_ARRAY;
    p->count = 1;
    if (p->is_array) {
        type = take_number(c, 4);
        p->count = take_number(c, 8);
    }
    if (c->short_of)
        return -EAGAIN;
    if (value_bytes(type) < 0 || type == BIT_GGUF_VALUE_ARRAY)
        return corrupt(p->key, p->key_bytes, "has a value of no known type");
    p->type = (enum bit_gguf_value)type;
    const size_t begin = c->at;
    p->value = c->buf + begin;
    if (type != BIT_GGUF_VALUE_TEXT && p->count > UINT32_MAX)
        return corrupt(p->key, p->key_bytes, "is an array of too many values");
    if (type != BIT_GGUF_VALUE_TEXT)
        take(c, p->count * (uint64_t)value_bytes(type));
    for (uint64_t i = 0; type == BIT_GGUF_VALUE_TEXT && i < p->count && !c->short_of; i++)
        take_text(c, &bytes);
    p->value_bytes = c->at - begin;
    return c->short_of ? -EAGAIN : 0;
}

static int take_pairs(struct cursor *c, struct bit_gguf *g, int count)
{
    for (g->pair_count = 0; g->pair_count < count; g->pair_count++) {
        struct bit_gguf_pair *p = &g->pairs[g->pair_count];
        p->key = take_text(c, &p->key_bytes);
        if (c->short_of)
            return -EAGAIN;
        for (int i = 0; i < g->pair_count; i++)
            if (g->pairs[i].key_bytes == p->key_bytes && memcmp(g->pairs[i].key, p->key, p->key_bytes) == 0)
                return corrupt(p->key, p->key_bytes, "is there twice");
        int err = take_value(c, p);
        if (err < 0)
            return err;
    }
    return 0;
}

/* ---- tensors */

static int check_tensor(const struct bit_gguf *g, const struct bit_gguf_tensor *t, const uint64_t dims[4])
{
    const uint64_t most = (uint64_t)1 << 40; /* elements: their bytes cannot overflow */
    uint64_t rows = dims[1];

    if (t->layout == NULL)
        return corrupt(t->name, sizeof t->name, "has a type other than F32, F16, BF16, TQ1_0, TQ2_0 and Q2_0");
    for (int i = 2; i < 4; i++)
        rows = rows <= most && dims[i] <= most ? rows * dims[i] : UINT64_MAX;
    if (rows == 0 || dims[0] == 0 || rows > most || dims[0] > most / rows)
        return corrupt(t->name, sizeof t->name, "has no elements, or too many");
    if (dims[0] % (uint64_t)t->layout->block != 0)
        return corrupt(t->name, sizeof t->name, "has rows that are no whole number of its type's blocks");
    for (int i = 0; i < g->tensor_count; i++)
        if (strcmp(g->tensors[i].name, t->name) == 0)
            return corrupt(t->name, sizeof t->name, "is there twice");
    return 0;
}

static int take_tensor(struct cursor *c, struct bit_gguf *g)
{
    struct bit_gguf_tensor *t = &g->tensors[g->tensor_count];
    uint64_t dims[4] = {1, 1, 1, 1};
    size_t bytes;
    const char *name = take_text(c, &bytes);
    const uint64_t count = take_number(c, 4);

    if (c->short_of)
        return -EAGAIN;
    if (bytes >= sizeof t->name || memchr(name, '\0', bytes) != NULL)
        return corrupt(name, bytes, "is no name of a tensor");
    memcpy(t->name, name, bytes);
    if (count < 1 || count > 4)
        return corrupt(name, bytes, "has no dimensions, or more than 4");
    for (uint64_t i = 0; i < count; i++)
        dims[i] = take_number(c, 8);
    t->layout = bit_gguf_layout((uint32_t)take_number(c, 4));
    t->offset = take_number(c, 8);
    if (c->short_of)
        return -EAGAIN;
    int err = check_tensor(g, t, dims);
    if (err < 0)
        return err;
    t->cols = (int64_t)dims[0];
    t->rows = (int64_t)(dims[1] * dims[2] * dims[3]);
    g->tensor_count++;
    return 0;
}

/* Tensors must follow one another, and the last one must end inside the file. */
static int check_places(const struct bit_gguf *g, uint64_t file_bytes)
{
    uint64_t at = 0, end = 0;

    for (int i = 0; i < g->tensor_count; i++) {
        const struct bit_gguf_tensor *t = &g->tensors[i];
        if (t->offset != at)
            return corrupt(t->name, sizeof t->name, "does not begin where the tensor before it ends");
        end = at + bit_gguf_tensor_bytes(t);
        at = (end + BIT_GGUF_ALIGN - 1) / BIT_GGUF_ALIGN * BIT_GGUF_ALIGN;
        if (end > file_bytes - g->head_bytes)
            return corrupt(t->name, sizeof t->name, "goes on after the end of the file");
    }
    return 0;
}

/* ---- a file */

static int take_all(struct cursor *c, struct bit_gguf *g, uint64_t file_bytes)
{
    const uint8_t *magic = take(c, 4);
    const uint64_t version = take_number(c, 4), tensors = take_number(c, 8), pairs = take_number(c, 8);

    if (c->short_of)
        return -EAGAIN;
    if (memcmp(magic, "GGUF", 4) != 0)
        return bit_fail(BIT_ECORRUPT, "GGUF: it does not begin with 'GGUF'");
    if (version != 2 && version != 3)
        return bit_fail(BIT_ECORRUPT, "GGUF: version %" PRIu64 ", where 2 and 3 are known", version);
    if (tensors > BIT_GGUF_TENSORS_MAX || pairs > BIT_GGUF_PAIRS_MAX)
        return bit_fail(BIT_ELIMIT, "GGUF: %" PRIu64 " tensors and %" PRIu64 " pairs", tensors, pairs);
    /* the shortest entry takes 13 bytes: never allocate more entries than the bytes can hold */
    if ((tensors + pairs) * 13 > c->bytes)
        return -EAGAIN;
    g->pairs = calloc(pairs + 1, sizeof *g->pairs);
    g->tensors = calloc(tensors + 1, sizeof *g->tensors);
    if (g->pairs == NULL || g->tensors == NULL)
        return bit_fail(-ENOMEM, "GGUF: %" PRIu64 " tensors and %" PRIu64 " pairs", tensors, pairs);
    int err = take_pairs(c, g, (int)pairs);
    while (err == 0 && g->tensor_count < (int)tensors)
        err = take_tensor(c, g);
    take(c, (BIT_GGUF_ALIGN - c->at % BIT_GGUF_ALIGN) % BIT_GGUF_ALIGN);
    if (err < 0 || c->short_of)
        return err < 0 ? err : -EAGAIN;
    g->head_bytes = c->at;
    return check_places(g, file_bytes);
}

int bit_gguf_parse(const uint8_t *buf, size_t bytes, uint64_t file_bytes, struct bit_gguf *out)
{
    struct cursor c = {.buf = buf, .bytes = bytes};
    struct bit_gguf g = {0};
    int err = take_all(&c, &g, file_bytes);

    if (err == -EAGAIN && bytes >= file_bytes)
        err = bit_fail(BIT_ECORRUPT, "GGUF: the file ends before its data");
    if (err < 0)
        bit_gguf_finish(&g);
    else
        *out = g;
    return err;
}

/* Read the first `bytes` bytes of the file into *head, which holds the first `from` already. */
static int read_head(int fd, const char *path, uint8_t **head, size_t from, size_t bytes)
{
    uint8_t *larger = realloc(*head, bytes);
    size_t got;

    if (larger == NULL)
        return bit_fail(-ENOMEM, "the first %zu bytes of '%s'", bytes, path);
    *head = larger;
    int err = bit_full_io_read_at(fd, larger + from, bytes - from, from, &got);
    if (err < 0)
        return bit_fail(err, "'%s'", path);
    return got < bytes - from ? bit_fail(BIT_ECORRUPT, "'%s' became shorter", path) : 0;
}

int bit_gguf_read(int fd, const char *path, struct bit_gguf *out)
{
    struct stat st;
    uint8_t *head = NULL;
    size_t had = 0, bytes = 64 << 10;
    int err = -EAGAIN;

    if (fstat(fd, &st) < 0)
        return bit_fail(-errno, "'%s'", path);
    const uint64_t file_bytes = (uint64_t)st.st_size;
    while (err == -EAGAIN && had < BIT_GGUF_HEAD_BYTES_MAX) {
        bytes = BIT_MIN(file_bytes, bytes);
        err = read_head(fd, path, &head, had, bytes);
        if (err == 0)
            err = bit_gguf_parse(head, bytes, file_bytes, out);
        had = bytes;
        bytes *= 4;
    }
    if (err == -EAGAIN)
        err = bit_fail(BIT_ELIMIT, "GGUF: more than %u bytes before the data", BIT_GGUF_HEAD_BYTES_MAX);
    if (err < 0) {
        free(head);
        return bit_fail_within(err, "'%s'", path);
    }
    out->head = head;
    return 0;
}

void bit_gguf_finish(struct bit_gguf *file)
{
    free(file->head);
    free(file->pairs);
    free(file->tensors);
    *file = (struct bit_gguf){0};
}

const struct bit_gguf_pair *bit_gguf_find_pair(const struct bit_gguf *file, const char *key)
{
    for (int i = 0; i < file->pair_count; i++)
        if (file->pairs[i].key_bytes == strlen(key) && memcmp(file->pairs[i].key, key, strlen(key)) == 0)
            return &file->pairs[i];
    return NULL;
}

const struct bit_gguf_tensor *bit_gguf_find_tensor(const struct bit_gguf *file, const char *name)
{
    for (int i = 0; i < file->tensor_count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}
