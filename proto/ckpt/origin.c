#include "proto/ckpt/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/regular_file.h"

static const char *const of_checkpoint[] = {
    [BIT_ORIGIN_MANIFEST] = BIT_CHECKPOINT_MANIFEST, [BIT_ORIGIN_MODEL] = "model.safetensors"};

static void set_names(struct bit_origin *o, const char *const *name, size_t count)
{
    o->count = count;
    for (size_t i = 0; i < count; i++)
        snprintf(o->name[i], sizeof o->name[i], "%s", name[i]);
}

void bit_origin_set(struct bit_origin *o, enum bit_origin_kind kind)
{
    o->kind = kind;
    if (kind == BIT_ORIGIN_CHECKPOINT)
        set_names(o, of_checkpoint, BIT_COUNT(of_checkpoint));
    else
        set_names(o, &of_checkpoint[BIT_ORIGIN_MODEL], 1);
}

void bit_origin_set_files(struct bit_origin *o, const struct bit_weight_index *index)
{
    o->kind = BIT_ORIGIN_FOLDER;
    o->count = index->count;
    memcpy(o->name, index->name, sizeof o->name);
}

/* ---- from the files at a path */

static bool has(const struct bit_origin *o, const char *name, char path[BIT_PATH_MAX])
{
    return snprintf(path, BIT_PATH_MAX, "%s/%s", o->path, name) < BIT_PATH_MAX && access(path, F_OK) == 0;
}

static int read_index(const char *path, struct bit_origin *o)
{
    struct bit_weight_index *index = malloc(sizeof *index);
    struct stat st;
    int fd = index == NULL ? bit_fail(-ENOMEM, "'%s'", path) : bit_regular_file_open(path, false, &st);
    int err = fd < 0 ? fd : bit_weight_index_read(fd, path, &st, index);

    if (fd >= 0)
        close(fd);
    if (err >= 0)
        bit_origin_set_files(o, index);
    free(index);
    return err;
}

int bit_origin_find(struct bit_origin *o)
{
    char path[BIT_PATH_MAX];
    struct stat st;

    if (stat(o->path, &st) < 0)
        return bit_fail(-errno, "'%s'", o->path);
    bit_origin_set(o, S_ISDIR(st.st_mode) ? BIT_ORIGIN_FOLDER : BIT_ORIGIN_FILE);
    if (!S_ISDIR(st.st_mode))
        return 0;
    if (has(o, BIT_CHECKPOINT_MANIFEST, path))
        bit_origin_set(o, BIT_ORIGIN_CHECKPOINT);
    else if (!has(o, "model.safetensors", path) && has(o, BIT_WEIGHT_INDEX, path))
        return read_index(path, o);
    else if (!has(o, "model.safetensors", path))
        return bit_fail(
            BIT_EDATA,
            "'%s' has neither " BIT_CHECKPOINT_MANIFEST " (a checkpoint of bitd's) nor model.safetensors or "
            "its index (" BIT_WEIGHT_INDEX "): name the folder, or the safetensors file, that has the weights",
            o->path);
    return 0;
}

/* ---- from stored facts */

int bit_origin_take(const Bit__InitFacts *facts, struct bit_origin *out)
{
    const size_t count = facts->n_name > 0 ? facts->n_name : facts->folder ? BIT_COUNT(of_checkpoint) : 1;
    int err = 0;

    if (strlen(facts->path) >= sizeof out->path || facts->n_file != count || count > BIT_WEIGHT_FILES_MAX ||
        (facts->n_name > 0 && !facts->folder))
        return bit_fail(BIT_ECORRUPT, "'%.200s': %zu files, and %zu are expected", facts->path, facts->n_file, count);
    for (size_t i = 0; i < facts->n_name && err >= 0; i++)
        err = bit_weight_index_check_name(facts->path, facts->name[i]);
    if (err < 0)
        return err;
    *out = (struct bit_origin){.count = 0};
    snprintf(out->path, sizeof out->path, "%s", facts->path);
    bit_origin_set(out, !facts->folder      ? BIT_ORIGIN_FILE
                        : facts->n_name > 0 ? BIT_ORIGIN_FOLDER
                                            : BIT_ORIGIN_CHECKPOINT);
    if (facts->n_name > 0)
        set_names(out, (const char *const *)facts->name, facts->n_name);
    return 0;
}

int bit_origin_path(const struct bit_origin *o, size_t i, char out[BIT_PATH_MAX])
{
    int n = o->kind == BIT_ORIGIN_FILE ? snprintf(out, BIT_PATH_MAX, "%s", o->path)
                                       : snprintf(out, BIT_PATH_MAX, "%s/%s", o->path, o->name[i]);

    BIT_ASSERT(i < o->count);
    return n < BIT_PATH_MAX ? 0 : bit_fail(-ENAMETOOLONG, "'%s'", o->path);
}
