#include "proto/ckpt/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/full_io.h"
#include "proto/json_bound.h"
#include "proto/limits.h"

#define LENGTH_BYTES 8
#define DEPTH_MAX    4
#define TOKENS_MAX   (16 * BIT_SAFETENSORS_ENTRIES_MAX) /* a tensor with two dimensions has 12 tokens */

/* ---- writing */

static const char no_metadata[] = "{\"format\":\"pt\"}";

static void print_entry(FILE *f, const struct bit_safetensors_entry *e)
{
    fprintf(f, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", e->name, e->dtype);
    for (int i = 0; i < e->dims; i++)
        fprintf(f, "%s%" PRId64, i > 0 ? "," : "", e->shape[i]);
    fprintf(f, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", e->begin, e->end);
}

/* Writes the length of the JSON, without these eight bytes, in front of it. */
static void put_length(char *buf, size_t bytes)
{
    for (int i = 0; i < LENGTH_BYTES; i++)
        buf[i] = (char)((bytes - LENGTH_BYTES) >> 8 * i);
}

int bit_safetensors_print(const struct bit_safetensors_entry *entries, size_t count, const char *metadata,
                          uint8_t **out, size_t *bytes)
{
    const char *const about = metadata != NULL ? metadata : no_metadata;
    char *buf = NULL;
    size_t at = 0;

    if (strlen(about) > BIT_SAFETENSORS_METADATA_ROOM)
        return bit_fail(BIT_ELIMIT, "metadata of %zu bytes, %d at most", strlen(about), BIT_SAFETENSORS_METADATA_ROOM);
    FILE *f = open_memstream(&buf, &at);
    if (f == NULL)
        return bit_fail(-errno, "a safetensors header");
    for (int i = 0; i < LENGTH_BYTES; i++)
        fputc(0, f);
    fprintf(f, "{\"__metadata__\":%s", about);
    for (size_t i = 0; i < count; i++)
        print_entry(f, &entries[i]);
    fputc('}', f);
    fflush(f); /* updates `at` */
    const int64_t end = (int64_t)(at - strlen(about) + BIT_SAFETENSORS_METADATA_ROOM);
    fprintf(f, "%*s", (int)(bit_round_up(end, BIT_SAFETENSORS_DATA_ALIGN) - (int64_t)at), "");
    if (fclose(f) != 0 || buf == NULL) {
        free(buf);
        return bit_fail(-ENOMEM, "a safetensors header of %zu tensors", count);
    }
    put_length(buf, at);
    *out = (uint8_t *)buf;
    *bytes = at;
    return 0;
}

int bit_safetensors_header_of(const struct bit_tensor *tensors, int count, Bit__Operands type, const char *metadata,
                              uint8_t **out, size_t *bytes)
{
    const uint64_t each = bit_checkpoint_bytes_of(type);
    struct bit_safetensors_entry *entries = calloc((size_t)count + 1, sizeof *entries);

    if (entries == NULL)
        return bit_fail(-ENOMEM, "a safetensors header of %d tensors", count);
    for (int i = 0; i < count; i++) {
        const struct bit_tensor *t = &tensors[i];
        entries[i] = (struct bit_safetensors_entry){
            .name = bit_lend(t->name),
            .shape = {t->rows, t->cols},
            .dims = 2,
            .begin = each * (uint64_t)t->offset,
            .end = each * (uint64_t)(t->offset + t->rows * t->cols),
        };
        snprintf(entries[i].dtype, sizeof entries[i].dtype, "%s", type == BIT__OPERANDS__BF16 ? "BF16" : "F32");
    }
    int err = bit_safetensors_print(entries, (size_t)count, metadata, out, bytes);
    free(entries);
    return err;
}

int bit_safetensors_header(const struct bit_tensor *tensors, int count, const char *metadata, uint8_t **out,
                           size_t *bytes)
{
    return bit_safetensors_header_of(tensors, count, BIT__OPERANDS__FP32, metadata, out, bytes);
}

/* ---- reading */

static const struct dtype {
    const char *name;
    unsigned bytes;
} dtypes[] = {
    {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"F8_E8M0", 1},
    {"U16", 2},  {"I16", 2}, {"F16", 2}, {"BF16", 2},    {"U32", 4},     {"I32", 4},
    {"F32", 4},  {"U64", 8}, {"I64", 8}, {"F64", 8},     {"C64", 8},
};

static int corrupt(const char *name, const char *why)
{
    return bit_fail(BIT_ECORRUPT, "safetensors header: tensor '%.200s' %s", name, why);
}

static const struct dtype *find_dtype(const json_t *value)
{
    const char *name = json_string_value(value);

    for (size_t i = 0; name != NULL && i < BIT_COUNT(dtypes); i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return &dtypes[i];
    return NULL;
}

/* *product becomes the number of elements. */
static int read_shape(const json_t *value, struct bit_safetensors_entry *e, uint64_t *product)
{
    uint64_t p = 1;
    size_t dims = json_array_size(value);

    if (!json_is_array(value))
        return corrupt(e->name, "has no shape");
    if (dims > BIT_SAFETENSORS_DIMS_MAX)
        return bit_fail(BIT_ELIMIT, "safetensors header: tensor '%.200s' has %zu dimensions", e->name, dims);
    for (size_t i = 0; i < dims; i++) {
        const json_t *dim = json_array_get(value, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return corrupt(e->name, "has a dimension that is no size");
        e->shape[i] = json_integer_value(dim);
        if (__builtin_mul_overflow(p, (uint64_t)e->shape[i], &p))
            return corrupt(e->name, "has more elements than can be counted");
    }
    e->dims = (int)dims;
    *product = p;
    return 0;
}

static int read_range(const json_t *value, struct bit_safetensors_entry *e)
{
    const json_t *begin = json_array_get(value, 0), *end = json_array_get(value, 1);

    if (json_array_size(value) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
        return corrupt(e->name, "has no valid data_offsets");
    e->begin = (uint64_t)json_integer_value(begin);
    e->end = (uint64_t)json_integer_value(end);
    return 0;
}

/* The caller has set e->name. */
static int read_entry(const json_t *value, struct bit_safetensors_entry *e)
{
    const struct dtype *dtype = find_dtype(json_object_get(value, "dtype"));
    uint64_t product = 0, bytes;
    int err;

    if (!json_is_object(value))
        return corrupt(e->name, "is not described");
    if (dtype == NULL)
        return corrupt(e->name, "has no dtype that is known");
    snprintf(e->dtype, sizeof e->dtype, "%s", dtype->name);
    err = read_shape(json_object_get(value, "shape"), e, &product);
    if (err < 0)
        return err;
    err = read_range(json_object_get(value, "data_offsets"), e);
    if (err < 0)
        return err;
    if (__builtin_mul_overflow(product, (uint64_t)dtype->bytes, &bytes))
        return corrupt(e->name, "has more bytes than can be counted");
    if (e->end - e->begin != bytes)
        return bit_fail(BIT_ECORRUPT,
                        "safetensors header: tensor '%.200s' takes %" PRIu64 " bytes, its range has %" PRIu64, e->name,
                        bytes, e->end - e->begin);
    return 0;
}

static int read_metadata(json_t *map)
{
    const char *key;
    json_t *text;

    if (!json_is_object(map))
        return bit_fail(BIT_ECORRUPT, "safetensors header: __metadata__ is no map");
    json_object_foreach(map, key, text) if (!json_is_string(text)) return bit_fail(
        BIT_ECORRUPT, "safetensors header: __metadata__ '%.200s' is no text", key);
    return 0;
}

static int read_entries(json_t *root, struct bit_safetensors *s)
{
    const char *key;
    json_t *value;
    int err;

    if (json_object_size(root) > BIT_SAFETENSORS_ENTRIES_MAX + 1)
        return bit_fail(BIT_ELIMIT, "safetensors header: %zu tensors", json_object_size(root));
    s->entries = calloc(json_object_size(root) + 1, sizeof *s->entries);
    if (s->entries == NULL)
        return bit_fail(-ENOMEM, "safetensors header of %zu tensors", json_object_size(root));
    json_object_foreach(root, key, value)
    {
        if (strcmp(key, "__metadata__") == 0) {
            err = read_metadata(value);
        } else {
            struct bit_safetensors_entry *e = &s->entries[s->count];
            e->name = strdup(key);
            if (e->name == NULL)
                return bit_fail(-ENOMEM, "safetensors header: tensor '%.200s'", key);
            s->count++;
            err = read_entry(value, e);
        }
        if (err < 0)
            return err;
    }
    return 0;
}

/* If two begin at the same byte, one is empty and comes first. */
static int by_range(const void *a, const void *b)
{
    const struct bit_safetensors_entry *x = a, *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static int check_cover(struct bit_safetensors *s, uint64_t data_bytes)
{
    uint64_t at = 0;

    qsort(s->entries, s->count, sizeof *s->entries, by_range);
    for (size_t i = 0; i < s->count; i++) {
        const struct bit_safetensors_entry *e = &s->entries[i];
        if (e->begin < at)
            return corrupt(e->name, "overlaps another");
        if (e->begin > at)
            return corrupt(e->name, "leaves a hole before it");
        if (e->end > data_bytes)
            return corrupt(e->name, "reaches beyond the file");
        at = e->end;
    }
    if (at != data_bytes)
        return bit_fail(BIT_ECORRUPT,
                        "safetensors header: tensors take %" PRIu64 " of the file's %" PRIu64 " data bytes", at,
                        data_bytes);
    return 0;
}

/* The length of the JSON, from the first eight bytes of a file. */
static int read_length(const uint8_t *buf, uint64_t file_bytes, size_t *out)
{
    uint64_t length = 0;

    if (file_bytes < LENGTH_BYTES)
        return bit_fail(BIT_ECORRUPT, "safetensors file of %" PRIu64 " bytes has no header", file_bytes);
    for (int i = 0; i < LENGTH_BYTES; i++)
        length |= (uint64_t)buf[i] << 8 * i;
    if (length > BIT_SAFETENSORS_HEADER_MAX)
        return bit_fail(BIT_ELIMIT, "safetensors header of %" PRIu64 " bytes, %u at most", length,
                        BIT_SAFETENSORS_HEADER_MAX);
    if (length > file_bytes - LENGTH_BYTES)
        return bit_fail(BIT_ECORRUPT, "safetensors header of %" PRIu64 " bytes in a file of %" PRIu64, length,
                        file_bytes);
    *out = (size_t)length;
    return 0;
}

int bit_safetensors_parse(const uint8_t *buf, size_t bytes, uint64_t file_bytes, struct bit_safetensors *out)
{
    struct bit_safetensors s = {0};
    json_t *root = NULL;
    size_t length;
    int err;

    if (bytes < BIT_MIN((uint64_t)LENGTH_BYTES, file_bytes) || bytes > file_bytes)
        return bit_fail(-EINVAL, "safetensors header: %zu bytes of a file of %" PRIu64, bytes, file_bytes);
    err = read_length(buf, file_bytes, &length);
    if (err < 0)
        return err;
    if (bytes - LENGTH_BYTES < length)
        return bit_fail(-EINVAL, "safetensors header of %zu bytes, %zu given", length, bytes - LENGTH_BYTES);
    if (length == 0 || buf[LENGTH_BYTES] != '{')
        return bit_fail(BIT_ECORRUPT, "safetensors header does not begin with '{'");
    err = bit_json_bound_parse((const char *)buf + LENGTH_BYTES, length, "safetensors header", DEPTH_MAX, TOKENS_MAX,
                               LENGTH_BYTES, &root);
    if (err < 0)
        return err;
    s.data_offset = LENGTH_BYTES + length;
    err = read_entries(root, &s);
    if (err == 0)
        err = check_cover(&s, file_bytes - s.data_offset);
    json_decref(root);
    if (err < 0)
        bit_safetensors_finish(&s);
    else
        *out = s;
    return err;
}

static int read_exactly(int fd, const char *path, uint8_t *buf, size_t bytes)
{
    size_t got;
    int err = bit_full_io_read_at(fd, buf, bytes, 0, &got);

    if (err < 0)
        return bit_fail(err, "'%s' at byte %zu", path, got);
    return got < bytes ? bit_fail(BIT_ECORRUPT, "'%s' ends at byte %zu", path, got) : 0;
}

int bit_safetensors_read(int fd, const char *path, struct bit_safetensors *out)
{
    uint8_t first[LENGTH_BYTES] = {0}, *buf;
    struct stat st;
    size_t length;
    int err;

    if (fstat(fd, &st) < 0)
        return bit_fail(-errno, "'%s'", path);
    err = read_exactly(fd, path, first, (size_t)BIT_MIN((off_t)LENGTH_BYTES, st.st_size));
    if (err < 0)
        return err;
    err = read_length(first, (uint64_t)st.st_size, &length);
    if (err < 0)
        return bit_fail_within(err, "'%s'", path);
    buf = malloc(LENGTH_BYTES + length);
    if (buf == NULL)
        return bit_fail(-ENOMEM, "header of '%s', %zu bytes", path, length);
    err = read_exactly(fd, path, buf, LENGTH_BYTES + length);
    if (err == 0) {
        err = bit_safetensors_parse(buf, LENGTH_BYTES + length, (uint64_t)st.st_size, out);
        if (err < 0)
            err = bit_fail_within(err, "'%s'", path);
    }
    free(buf);
    return err;
}

const struct bit_safetensors_entry *bit_safetensors_find(const struct bit_safetensors *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->entries[i].name, name) == 0)
            return &s->entries[i];
    return NULL;
}

void bit_safetensors_finish(struct bit_safetensors *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->entries[i].name);
    free(s->entries);
    *s = (struct bit_safetensors){0};
}
