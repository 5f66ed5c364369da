#include "proto/ckpt/weight_index.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/json_bound.h"
#include "proto/limits.h"
#include "proto/regular_file.h"

#define DEPTH_MAX  8
#define TOKENS_MAX (4 * BIT_SAFETENSORS_ENTRIES_MAX)
#define BYTES_MAX  (32u << 20)

int bit_weight_index_check_name(const char *path, const char *name)
{
    if (name == NULL || name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
        return bit_fail(BIT_ECORRUPT, "'%s': '%.100s' is no name of a file beside it", path, name ? name : "");
    if (strlen(name) >= BIT_WEIGHT_FILE_NAME_MAX)
        return bit_fail(BIT_ECORRUPT, "'%s': '%.100s...' is longer than %d bytes", path, name,
                        BIT_WEIGHT_FILE_NAME_MAX - 1);
    return 0;
}

/* The index of `name`, or the place where it must be inserted. */
static size_t find_place(const struct bit_weight_index *index, const char *name)
{
    size_t at = 0;

    while (at < index->count && strcmp(index->name[at], name) < 0)
        at++;
    return at;
}

static int add(struct bit_weight_index *index, const char *path, const char *name)
{
    int err = bit_weight_index_check_name(path, name);

    if (err < 0)
        return err;
    const size_t at = find_place(index, name);
    if (at < index->count && strcmp(index->name[at], name) == 0)
        return 0;
    if (index->count == BIT_WEIGHT_FILES_MAX)
        return bit_fail(BIT_ELIMIT, "'%s': more than %d files of weights", path, BIT_WEIGHT_FILES_MAX);
    memmove(index->name[at + 1], index->name[at], (index->count - at) * sizeof index->name[0]);
    snprintf(index->name[at], sizeof index->name[at], "%s", name);
    index->count++;
    return 0;
}

static int collect(json_t *root, const char *path, struct bit_weight_index *index)
{
    json_t *map = json_object_get(root, "weight_map"), *file;
    const char *tensor;
    int err = 0;

    if (!json_is_object(map))
        return bit_fail(BIT_ECORRUPT, "'%s' has no weight_map", path);
    json_object_foreach(map, tensor, file)
    {
        err = add(index, path, json_string_value(file));
        if (err < 0)
            return err;
    }
    return index->count > 0 ? 0 : bit_fail(BIT_ECORRUPT, "'%s' names no file", path);
}

int bit_weight_index_parse(const char *text, size_t bytes, const char *path, struct bit_weight_index *out)
{
    struct bit_weight_index *index = calloc(1, sizeof *index);
    json_t *root = NULL;
    int err = index == NULL ? bit_fail(-ENOMEM, "'%s'", path)
                            : bit_json_bound_parse(text, bytes, "an index of weights", DEPTH_MAX, TOKENS_MAX, 0, &root);

    if (err >= 0)
        err = collect(root, path, index);
    else
        bit_fail_within(err, "'%s'", path);
    if (err >= 0)
        *out = *index;
    json_decref(root);
    free(index);
    return err;
}

int bit_weight_index_read(int fd, const char *path, const struct stat *st, struct bit_weight_index *out)
{
    uint8_t *text = NULL;
    size_t bytes = 0;
    int err = bit_regular_file_read(fd, path, st, BYTES_MAX, &text, &bytes);

    if (err >= 0)
        err = bit_weight_index_parse((const char *)text, bytes, path, out);
    free(text);
    return err;
}
