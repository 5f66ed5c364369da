#include "proto/ckpt/weight_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"

int bit_weight_files_add(struct bit_weight_files *w, int fd, const char *path)
{
    struct bit_weight_file file = {.fd = fd, .path = strdup(path)};
    int err = file.path == NULL ? bit_fail(-ENOMEM, "'%s'", path) : 0;

    if (err >= 0 && w->count == BIT_WEIGHT_FILES_MAX)
        err = bit_fail(BIT_ELIMIT, "'%s': more than %d files of weights", path, BIT_WEIGHT_FILES_MAX);
    if (err >= 0)
        err = bit_safetensors_read(fd, path, &file.header);
    if (err >= 0) {
        w->file[w->count++] = file;
        return 0;
    }
    free(file.path);
    close(fd);
    return err;
}

static int by_name(const void *a, const void *b)
{
    const struct bit_weight *x = a, *y = b;

    return strcmp(x->entry->name, y->entry->name);
}

static int collect(struct bit_weight_files *w)
{
    size_t all = 0;

    for (size_t f = 0; f < w->count; f++)
        all += w->file[f].header.count;
    w->weight = calloc(all + 1, sizeof *w->weight);
    if (w->weight == NULL)
        return bit_fail(-ENOMEM, "%zu tensors", all);
    for (size_t f = 0; f < w->count; f++)
        for (size_t i = 0; i < w->file[f].header.count; i++)
            w->weight[w->weight_count++] = (struct bit_weight){&w->file[f].header.entries[i], &w->file[f]};
    qsort(w->weight, all, sizeof *w->weight, by_name);
    return 0;
}

int bit_weight_files_settle(struct bit_weight_files *w)
{
    int err = collect(w);

    w->names = BIT_NAMES_FORMS;
    for (size_t i = 0; i < w->weight_count && err >= 0; i++) {
        const struct bit_weight *a = &w->weight[i], *b = a + 1;
        if (w->names == BIT_NAMES_FORMS)
            w->names = bit_tensor_names_tell(a->entry->name);
        if (i + 1 < w->weight_count && strcmp(a->entry->name, b->entry->name) == 0)
            err = bit_fail(BIT_ECORRUPT, "tensor '%.200s' is in '%s' and in '%s'", a->entry->name, a->file->path,
                           b->file->path);
    }
    if (w->names == BIT_NAMES_FORMS)
        w->names = BIT_NAMES_OWN;
    return err;
}

static int compare_name(const void *key, const void *item)
{
    const struct bit_weight *weight = item;

    return strcmp(key, weight->entry->name);
}

const struct bit_weight *bit_weight_files_find(const struct bit_weight_files *w, const char *name)
{
    return w->weight_count == 0 ? NULL : bsearch(name, w->weight, w->weight_count, sizeof *w->weight, compare_name);
}

/* ---- comparing a tensor with the model's */

static bool is_readable(const char *dtype)
{
    return strcmp(dtype, "F32") == 0 || strcmp(dtype, "BF16") == 0 || strcmp(dtype, "F16") == 0;
}

#define SHAPE_TEXT (24 * BIT_SAFETENSORS_DIMS_MAX)

static const char *shape_text(const struct bit_safetensors_entry *entry, char out[SHAPE_TEXT])
{
    int at = 0;

    snprintf(out, SHAPE_TEXT, "a single number");
    for (int i = 0; i < entry->dims; i++)
        at += snprintf(out + at, SHAPE_TEXT - (size_t)at, "%s%" PRId64, i > 0 ? " x " : "", entry->shape[i]);
    return out;
}

/* Names the folder if there are several files. */
static int fail_missing(const struct bit_weight_files *w, const char *name)
{
    const char *path = w->count > 0 ? w->file[0].path : "", *slash = strrchr(path, '/');
    const int bytes = w->count > 1 && slash != NULL ? (int)(slash - path) : (int)strlen(path);

    return bit_fail(BIT_ESPEC, "'%.*s' has no tensor '%s'", bytes, path, name);
}

int bit_weight_files_check(const struct bit_weight_files *w, const struct bit_tensor *tensor,
                           const struct bit_tensor_part *part)
{
    const struct bit_weight *found = bit_weight_files_find(w, part->name);
    char shape[SHAPE_TEXT];

    if (found == NULL)
        return fail_missing(w, part->name);
    const struct bit_safetensors_entry *entry = found->entry;
    if (entry->dims != 2 || entry->shape[0] != part->rows || entry->shape[1] != tensor->cols)
        return bit_fail(BIT_ESPEC, "'%s': tensor '%s' is %s, and the model's is %" PRId64 " x %" PRId64,
                        found->file->path, part->name, shape_text(entry, shape), part->rows, tensor->cols);
    if (!is_readable(entry->dtype))
        return bit_fail(BIT_ESPEC, "'%s': tensor '%s' is %s, not F32, BF16 or F16", found->file->path, part->name,
                        entry->dtype);
    return 0;
}

void bit_weight_files_finish(struct bit_weight_files *w)
{
    for (size_t f = 0; f < w->count; f++) {
        bit_safetensors_finish(&w->file[f].header);
        free(w->file[f].path);
        close(w->file[f].fd);
    }
    free(w->weight);
    *w = (struct bit_weight_files){0};
}
