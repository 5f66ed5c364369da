#include "proto/dryrun/init_look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/ckpt/init_file.h"
#include "proto/ckpt/weight_files.h"
#include "proto/dryrun/init_tensors.h"
#include "proto/err.h"
#include "proto/spec/model_config.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

#define FIELD "model.init_from"

static int find(const char *from, struct bit_init_from *out)
{
    struct stat st;
    char *real = realpath(from, NULL);

    if (real == NULL || stat(real, &st) < 0 || strlen(real) >= sizeof out->origin.path) {
        int err = bit_fail(real != NULL && strlen(real) >= sizeof out->origin.path ? -ENAMETOOLONG : -errno, "%s: %s",
                           from, strerror(errno));
        free(real);
        return err;
    }
    memset(out, 0, sizeof *out);
    bit_origin_set(&out->origin, S_ISDIR(st.st_mode) ? BIT_ORIGIN_FOLDER : BIT_ORIGIN_FILE);
    memcpy(out->origin.path, real, strlen(real) + 1);
    free(real);
    return 0;
}

/* ---- permission */

/* Sets o->run to "r7" for STATE/runs/r7/..., else leaves it empty. */
static void find_run(struct bit_init_from *o, const char *runs)
{
    char *real = realpath(runs, NULL);
    size_t bytes = real != NULL ? strlen(real) : 0;

    if (bytes > 0 && strncmp(o->origin.path, real, bytes) == 0 && o->origin.path[bytes] == '/') {
        const char *id = o->origin.path + bytes + 1;
        size_t length = strcspn(id, "/");
        if (id[length] == '/' && length < sizeof o->run)
            memcpy(o->run, id, length); /* o is zeroed */
    }
    free(real);
}

/* The state of a check of init_from, and its results. */
struct look {
    struct bit_init_from *o;
    const struct bit_file_id *shown; /* the submitter's BIT_SPEC_INIT_FILES; NULL: any file may be read */
    const Bit__ModelSpec *model;
    struct bit_weight_files *files;
    bool tied_by_file; /* config.json says that the head repeats the embedding */
    struct bit_problems *problems, *notes;
};

/* ---- the files */

/* Opens a file, and checks that it is the one that the submitter opened, before anything is read. In a FOLDER a file
 * may be a symbolic link, as in Hugging Face's cache; a bitd checkpoint has none. */
static int open_shown(const struct look *l, size_t which, const char *path, struct stat *st)
{
    int fd = bit_regular_file_open(path, l->o->origin.kind == BIT_ORIGIN_FOLDER, st);

    if (fd < 0 || l->shown == NULL || bit_file_id_is(&l->shown[which], st))
        return fd;
    close(fd);
    return bit_fail(BIT_EAUTH, "'%s': bitd opens another file at this path than the submitter did", path);
}

/* The index in `shown` of file i of the origin. */
static size_t shown_as(const struct bit_origin *o, size_t i)
{
    if (o->kind == BIT_ORIGIN_FILE)
        return BIT_SPEC_INIT_SELF;
    if (o->kind == BIT_ORIGIN_CHECKPOINT)
        return i == BIT_ORIGIN_MANIFEST ? BIT_SPEC_INIT_MANIFEST : BIT_SPEC_INIT_MODEL;
    return strcmp(o->name[i], "model.safetensors") == 0 ? BIT_SPEC_INIT_MODEL : BIT_SPEC_INIT_SHARDS + i;
}

static int path_in(const struct bit_origin *o, const char *name, char out[BIT_PATH_MAX])
{
    int n = snprintf(out, BIT_PATH_MAX, "%s/%s", o->path, name);

    return n < BIT_PATH_MAX ? 0 : bit_fail(-ENAMETOOLONG, "'%s'", o->path);
}

static int check_manifest(int fd, const char *path)
{
    Bit__Manifest *manifest = NULL;
    int err = bit_manifest_read_open(fd, path, &manifest);

    bit_msg_free(manifest);
    return err;
}

/* fd is closed, or l->files takes it. */
static int look_into(struct look *l, size_t i, int fd, const char *path)
{
    if (l->o->origin.kind != BIT_ORIGIN_CHECKPOINT || i != BIT_ORIGIN_MANIFEST)
        return bit_weight_files_add(l->files, fd, path);
    int err = check_manifest(fd, path);
    close(fd);
    return err;
}

static int look_at(struct look *l, size_t i)
{
    char path[BIT_PATH_MAX];
    struct stat st;
    int err = bit_origin_path(&l->o->origin, i, path);
    int fd = err < 0 ? err : open_shown(l, shown_as(&l->o->origin, i), path, &st);

    if (fd < 0)
        return fd;
    bit_init_file_note(&st, &l->o->file[i]);
    return look_into(l, i, fd, path);
}

/* Compares the config.json beside the weights of a FOLDER, if there is one. */
static int look_at_config(struct look *l)
{
    struct bit_model_config config;
    char path[BIT_PATH_MAX];
    struct stat st;

    if (l->o->origin.kind != BIT_ORIGIN_FOLDER || path_in(&l->o->origin, BIT_MODEL_CONFIG, path) < 0 ||
        (l->shown != NULL && l->shown[BIT_SPEC_INIT_CONFIG].inode == 0))
        return 0;
    int fd = open_shown(l, BIT_SPEC_INIT_CONFIG, path, &st);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    int err = bit_model_config_read(fd, path, &st, FIELD, &config, l->problems);
    close(fd);
    if (err < 0)
        return err;
    bit_model_config_compare(&config, path, l->model, l->notes);
    l->tied_by_file = config.says.tied;
    return 0;
}

/* If a file could not be read, only that is reported, and not each tensor that may be in it. */
static int look_at_tensors(struct look *l)
{
    if (l->files->count + (l->o->origin.kind == BIT_ORIGIN_CHECKPOINT) < l->o->origin.count)
        return 0;
    int err = bit_weight_files_settle(l->files);
    return err < 0 ? err : bit_init_tensors_check(l->files, l->model, l->tied_by_file, l->problems, l->notes);
}

/* Returns the first error. Adds the error as a problem, unless problems were added for it already. */
static int add_up(struct look *l, int first, int known, int err)
{
    if (err == BIT_ELIMIT) /* a file of another format has an arbitrary number in place of the length */
        err = BIT_ECORRUPT;
    if (err == -ENOENT)
        err = BIT_EDATA;
    if (err < 0 && l->problems->count == known)
        bit_problems_add(l->problems, FIELD, 0, 0, "%s", bit_fail_text());
    return first < 0 ? first : err;
}

static bool is_last(int err)
{
    return err == BIT_EAUTH || err == -ENOMEM;
}

/* Makes all checks, but stops at an error of permission. */
static int look_at_all(struct look *l)
{
    static int (*const then[])(struct look *) = {look_at_config, look_at_tensors};
    const size_t files = l->o->origin.count;
    int first = 0;

    for (size_t i = 0; i < files + BIT_COUNT(then); i++) {
        const int known = l->problems->count;
        int err = i < files ? look_at(l, i) : then[i - files](l);
        if (is_last(err))
            return err;
        first = add_up(l, first, known, err);
    }
    return first;
}

/* ---- the kind of origin */

static int read_shown_index(struct look *l)
{
    struct bit_weight_index *index = malloc(sizeof *index);
    char path[BIT_PATH_MAX];
    struct stat st;
    int err = index == NULL ? bit_fail(-ENOMEM, FIELD) : path_in(&l->o->origin, BIT_WEIGHT_INDEX, path);
    int fd = err < 0 ? err : open_shown(l, BIT_SPEC_INIT_INDEX, path, &st);

    if (fd >= 0) {
        err = bit_weight_index_read(fd, path, &st, index);
        close(fd);
    }
    if (fd >= 0 && err >= 0)
        bit_origin_set_files(&l->o->origin, index);
    free(index);
    return fd < 0 ? fd : err;
}

/* Determines the origin from the files that the submitter opened. */
static int find_shown(struct look *l, const char *runs)
{
    struct bit_origin *o = &l->o->origin;
    const struct bit_file_id *shown = l->shown;
    const bool folder = o->kind == BIT_ORIGIN_FOLDER, model = shown[BIT_SPEC_INIT_MODEL].inode != 0;

    if (!folder && shown[BIT_SPEC_INIT_SELF].inode != 0)
        return 0;
    if (folder && model && shown[BIT_SPEC_INIT_MANIFEST].inode != 0) {
        bit_origin_set(o, BIT_ORIGIN_CHECKPOINT);
        return 0;
    }
    if (folder && shown[BIT_SPEC_INIT_MANIFEST].inode == 0 && (model || shown[BIT_SPEC_INIT_INDEX].inode != 0))
        return model ? 0 : read_shown_index(l);
    find_run(l->o, runs);
    if (l->o->run[0] == '\0')
        return bit_fail(BIT_EAUTH, "%s: you did not show that you may read it, and it is no checkpoint below %s",
                        l->model->init_from, runs);
    l->shown = NULL;
    if (folder)
        bit_origin_set(o, BIT_ORIGIN_CHECKPOINT);
    return 0;
}

static int look(struct look *l, const char *runs)
{
    const int known = l->problems->count;
    int err = l->shown != NULL ? find_shown(l, runs) : bit_origin_find(&l->o->origin);

    if (is_last(err))
        return err;
    return err < 0 ? add_up(l, 0, known, err) : look_at_all(l);
}

int bit_init_look(const Bit__ModelSpec *model, const struct bit_file_id *shown, const char *runs,
                  struct bit_problems *problems, struct bit_problems *notes, struct bit_init_from *out)
{
    struct look l = {.o = out, .model = model, .shown = shown, .problems = problems, .notes = notes};
    int err = find(model->init_from, out);

    if (err < 0) {
        bit_problems_add(problems, FIELD, 0, 0, "%s", bit_fail_text());
        return bit_fail_within(err == -ENOENT ? BIT_EDATA : err, FIELD);
    }
    l.files = calloc(1, sizeof *l.files);
    if (l.files == NULL)
        return bit_fail(-ENOMEM, FIELD);
    err = look(&l, runs);
    bit_weight_files_finish(l.files);
    free(l.files);
    return err < 0 ? bit_fail_within(err, FIELD) : 0;
}
