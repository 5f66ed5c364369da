#include "proto/ckpt/init_file.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/ckpt/safetensors.h"
#include "proto/err.h"

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

int bit_init_file_check_entry(const char *path, const struct bit_tensor *tensor,
                              const struct bit_safetensors_entry *entry)
{
    char shape[SHAPE_TEXT];

    if (entry == NULL)
        return bit_fail(BIT_ESPEC, "'%s' has no tensor '%s'", path, tensor->name);
    if (entry->dims != 2 || entry->shape[0] != tensor->rows || entry->shape[1] != tensor->cols)
        return bit_fail(BIT_ESPEC, "'%s': tensor '%s' is %s, and the model's is %lld x %lld", path, tensor->name,
                        shape_text(entry, shape), (long long)tensor->rows, (long long)tensor->cols);
    if (!is_readable(entry->dtype))
        return bit_fail(BIT_ESPEC, "'%s': tensor '%s' is %s, not F32, BF16 or F16", path, tensor->name, entry->dtype);
    return 0;
}

int bit_init_file_check_same(const char *path, const struct stat *st, const Bit__InitFile *then)
{
    uint64_t mtime_ns = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;

    if (st->st_ino != then->inode)
        return bit_fail(BIT_EDATA, "'%s': another file has taken its place since the run was submitted", path);
    if ((uint64_t)st->st_size != then->bytes || mtime_ns != then->mtime_ns)
        return bit_fail(BIT_EDATA, "'%s': written to since the run was submitted", path);
    return 0;
}
