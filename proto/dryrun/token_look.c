#include "proto/dryrun/token_look.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/data/batches.h"
#include "proto/data/file_kind.h"
#include "proto/data/shards.h"
#include "proto/data/token_file.h"
#include "proto/dryrun/look_problems.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/spec/spec.h"

struct look {
    const Bit__RunSpec *spec;
    const struct bit_token_shown *shown;
    struct bit_look_problems found;
    struct bit_sidecar_check sidecars;
    const char *before; /* the preceding file */
    bool described;     /* the folder's dataset.json has no problem, or is absent */
    uint8_t *bytes;     /* (BIT_FILE_KIND_BYTES) */
    size_t at;          /* index in the order of bit_spec_path */
};

/* ---- one file */

static bool ends_with_npy(const char *name)
{
    const size_t bytes = strlen(name);

    return bytes > 4 && strcmp(name + bytes - 4, ".npy") == 0;
}

/* The number of token files in a folder, and the first of them by name. */
static size_t count_parts(DIR *folder, char first[256])
{
    const struct dirent *entry;
    size_t count = 0;

    first[0] = '\0';
    while ((entry = readdir(folder)) != NULL) {
        if (!ends_with_npy(entry->d_name))
            continue;
        if (count++ == 0 || strcmp(entry->d_name, first) < 0)
            snprintf(first, 256, "%s", entry->d_name);
    }
    return count;
}

/* Explains what to write instead of a folder. */
static int explain_folder(const char *path)
{
    const size_t bytes = strlen(path);
    const char *slash = bytes > 0 && path[bytes - 1] == '/' ? "" : "/";
    char first[256] = "";
    DIR *folder = opendir(path);
    size_t count = 0;

    if (folder != NULL) {
        count = count_parts(folder, first);
        closedir(folder);
    }
    if (count == 0)
        return bit_fail(BIT_EDATA, "'%s' is a folder, and holds no .npy file: list token files", path);
    return bit_fail(BIT_EDATA, "'%s' is a folder: list its %zu token file%s, as in [\"%s%s%s\"%s]", path, count,
                    bit_format_s(count), path, slash, first, count == 1 ? "" : ", ...");
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int check_shown(const struct look *l, const struct bit_token_file *file)
{
    if (l->shown == NULL)
        return 0;
    const struct bit_file_id *id = &l->shown->files[l->at];
    if (id->device == file->device && id->inode == file->inode)
        return 0;
    return bit_fail(BIT_EAUTH, "%s: bitd opens another file at this path than the submitter did", file->path);
}

static int check_kind(const struct look *l, const struct bit_token_file *file)
{
    ssize_t got = pread(file->fd, l->bytes, BIT_FILE_KIND_BYTES, 0);

    if (got < 0)
        return bit_fail(-errno, "token file '%s'", file->path);
    return bit_file_kind_check(bit_file_kind(l->bytes, (size_t)got, file->token_bytes, l->spec->model->vocab),
                               file->path);
}

/* Checks the dataset.json of a folder once. If it has a problem, the bytes of the folder's files are not checked. */
static int check_sidecar(struct look *l, const char *path)
{
    if (l->before != NULL && bit_sidecar_is_shared(l->before, path))
        return 0;
    const struct bit_file_id *shown = l->shown != NULL ? &l->shown->sidecars[l->at] : NULL;
    int err = bit_sidecar_check_file(&l->sidecars, path, shown);
    l->described = err >= 0;
    return err;
}

static int check_open(struct look *l, const struct bit_token_file *file)
{
    int err = check_shown(l, file);

    if (err == 0)
        err = check_sidecar(l, file->path);
    if (err == 0 && l->described)
        err = check_kind(l, file);
    return err;
}

/* Returns the instances in the file, 0 if it has a problem. */
static uint64_t look_at(struct look *l, const char *field, const char *path)
{
    struct bit_token_file file;
    uint64_t instances = 0;
    int err = bit_token_file_open(path, (unsigned)l->spec->data->dtype, &file);

    if (err == BIT_EDATA && l->shown == NULL && is_folder(path))
        err = explain_folder(path);
    if (err == 0) {
        instances = bit_token_file_instances(&file, BIT_MAX(l->spec->model->context, 1u));
        err = check_open(l, &file);
        bit_token_file_close(&file);
        l->before = path;
    }
    if (err < 0)
        bit_look_problems_note(&l->found, field, err);
    l->at++;
    return err < 0 ? 0 : instances;
}

/* ---- all of them */

static uint64_t look_at_list(struct look *l, const char *name, char *const *path, size_t count)
{
    uint64_t instances = 0;
    char field[96];

    for (size_t i = 0; i < count && !bit_look_problems_is_over(&l->found); i++) {
        snprintf(field, sizeof field, "%s[%zu]", name, i);
        instances += look_at(l, field, path[i]);
    }
    return instances;
}

static void look_at_set(struct look *l, size_t i, bool rules_hold)
{
    const Bit__EvalSet *set = l->spec->eval->set[i];
    const int known = l->found.problems->count;
    char field[64];

    snprintf(field, sizeof field, "eval.set[%zu].path", i);
    const uint64_t instances = look_at_list(l, field, set->path, set->n_path);
    if (!rules_hold || instances > 0 || l->found.problems->count > known)
        return;
    bit_look_problems_note(
        &l->found, field,
        bit_fail(BIT_EDATA, "evaluation set '%s' holds no instance of %u tokens", set->name, l->spec->model->context));
}

static void look_at_all(struct look *l, bool rules_hold)
{
    const Bit__DataSpec *data = l->spec->data;
    char field[64];

    look_at_list(l, "data.train", data->train, data->n_train);
    for (size_t i = 0; i < data->n_source && !bit_look_problems_is_over(&l->found); i++) {
        snprintf(field, sizeof field, "data.source[%zu].path", i);
        look_at_list(l, field, data->source[i]->path, data->source[i]->n_path);
    }
    for (size_t i = 0; i < l->spec->eval->n_set && !bit_look_problems_is_over(&l->found); i++)
        look_at_set(l, i, rules_hold);
}

/* Counts instances and steps of an epoch, after all files passed. */
static void count(struct look *l, struct bit_token_look *out)
{
    struct bit_batches *batches = NULL;
    int err = bit_batches_create(l->spec, &batches);

    if (err < 0) {
        bit_look_problems_note(&l->found, l->spec->data->n_source > 0 ? "data.source" : "data.train", err);
        return;
    }
    *out = (struct bit_token_look){.instances = bit_batches_instances(batches),
                                   .epoch_steps = bit_batches_epoch_steps(batches),
                                   .unknown = l->sidecars.missing};
    bit_batches_destroy(batches);
}

int bit_token_look(const Bit__RunSpec *spec, const struct bit_token_shown *shown, bool rules_hold,
                   struct bit_problems *problems, struct bit_token_look *out)
{
    struct look l = {.spec = spec, .shown = shown, .sidecars = {.spec = spec}, .described = true};

    bit_look_problems_init(&l.found, problems);
    l.bytes = malloc(BIT_FILE_KIND_BYTES);
    if (l.bytes == NULL)
        return bit_fail(-ENOMEM, "the beginning of a token file");
    look_at_all(&l, rules_hold);
    if (rules_hold && l.found.err == 0)
        count(&l, out);
    free(l.bytes);
    return bit_look_problems_result(&l.found, "token files");
}
