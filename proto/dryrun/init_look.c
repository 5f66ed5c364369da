#include "proto/dryrun/init_look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/dryrun/init_tensors.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

#define FIELD "model.init_from"

static const char *const within[BIT_INIT_FROM_FILES] = {BIT_CHECKPOINT_MANIFEST, "model.safetensors"};

int bit_init_look_path(const struct bit_init_from *o, size_t i, char out[BIT_PATH_MAX])
{
    int n = o->folder ? snprintf(out, BIT_PATH_MAX, "%s/%s", o->path, within[i])
                      : snprintf(out, BIT_PATH_MAX, "%s", o->path);

    return n < BIT_PATH_MAX ? 0 : bit_fail(-ENAMETOOLONG, "'%s'", o->path);
}

static int find(const char *from, struct bit_init_from *out)
{
    struct stat st;
    char *real = realpath(from, NULL);

    if (real == NULL || stat(real, &st) < 0 || strlen(real) >= sizeof out->path) {
        int err = bit_fail(real != NULL && strlen(real) >= sizeof out->path ? -ENAMETOOLONG : -errno, "%s: %s", from,
                           strerror(errno));
        free(real);
        return err;
    }
    *out = (struct bit_init_from){.folder = S_ISDIR(st.st_mode)};
    out->count = out->folder ? BIT_INIT_FROM_FILES : 1;
    memcpy(out->path, real, strlen(real) + 1);
    free(real);
    return 0;
}

/* ---- whose right */

/* "r7" of STATE/runs/r7/..., or nothing. */
static void find_run(struct bit_init_from *o, const char *runs)
{
    char *real = realpath(runs, NULL);
    size_t bytes = real != NULL ? strlen(real) : 0;

    if (bytes > 0 && strncmp(o->path, real, bytes) == 0 && o->path[bytes] == '/') {
        const char *id = o->path + bytes + 1;
        size_t length = strcspn(id, "/");
        if (id[length] == '/' && length < sizeof o->run)
            memcpy(o->run, id, length); /* o is zeroed */
    }
    free(real);
}

/* Which of the submitter's files are meant: init_from itself, or the two in it. */
static const struct bit_file_id *choose(const struct bit_init_from *o, const struct bit_file_id *shown)
{
    return o->folder ? shown + 1 : shown;
}

static bool are_shown(const struct bit_init_from *o, const struct bit_file_id *shown)
{
    for (size_t i = 0; i < o->count; i++)
        if (choose(o, shown)[i].inode == 0)
            return false;
    return true;
}

/* ---- the files */

static void note(const struct stat *st, Bit__InitFile *out)
{
    bit__init_file__init(out);
    out->device = st->st_dev;
    out->inode = st->st_ino;
    out->bytes = (uint64_t)st->st_size;
    out->mtime_ns = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
}

/* What is being looked at, and what comes of it. */
struct look {
    struct bit_init_from *o;
    const struct bit_file_id *shown; /* of o's files; or NULL */
    const Bit__ModelSpec *model;
    struct bit_problems *problems, *notes;
};

static int check_manifest(int fd, const char *path)
{
    Bit__Manifest *manifest = NULL;
    int err = bit_manifest_read_open(fd, path, &manifest);

    bit_msg_free(manifest);
    return err;
}

/* Nothing of an open file is read before it is known to be the one that may be. */
static int look_into(struct look *l, size_t i, int fd, const char *path, const struct stat *st)
{
    if (l->shown != NULL && !bit_file_id_is(&l->shown[i], st))
        return bit_fail(BIT_EAUTH, "'%s' is another file for this bitd than for who submitted it", path);
    note(st, &l->o->file[i]);
    if (l->o->folder && i == 0)
        return check_manifest(fd, path);
    return bit_init_tensors_check(fd, path, l->model, l->problems, l->notes);
}

/* A folder that was given and is no checkpoint of ours. */
static int explain_missing(const struct bit_init_from *o, size_t i)
{
    char index[BIT_PATH_MAX + 32];

    snprintf(index, sizeof index, "%s/model.safetensors.index.json", o->path);
    if (i > 0 && access(index, F_OK) == 0)
        return bit_fail(BIT_EDATA, "the weights in '%s' lie in several files, which is not taken: join them", o->path);
    if (i > 0)
        return bit_fail(BIT_EDATA, "'%s' has no model.safetensors", o->path);
    return bit_fail(BIT_EDATA,
                    "'%s' has no " BIT_CHECKPOINT_MANIFEST
                    ", so it is no checkpoint of bitd's; of another folder, name "
                    "the safetensors file in it",
                    o->path);
}

static int look_at(struct look *l, size_t i)
{
    char path[BIT_PATH_MAX];
    struct stat st;
    int err = bit_init_look_path(l->o, i, path);
    int fd = err < 0 ? err : bit_regular_file_open(path, false, &st);

    if (fd == -ENOENT && l->o->folder && l->shown == NULL)
        return explain_missing(l->o, i);
    if (fd < 0)
        return fd;
    err = look_into(l, i, fd, path, &st);
    close(fd);
    return err;
}

/* The first error stays, but nothing is told after one of rights. What has become problems is not told twice. */
static int look_at_all(struct look *l)
{
    int first = 0;

    for (size_t i = 0; i < l->o->count; i++) {
        const int known = l->problems->count;
        int err = look_at(l, i);
        if (err == BIT_EAUTH || err == -ENOMEM)
            return err;
        if (err == BIT_ELIMIT) /* a file that is none has any number where a length would be */
            err = BIT_ECORRUPT;
        if (err < 0 && l->problems->count == known)
            bit_problems_add(l->problems, FIELD, 0, 0, "%s", bit_fail_text());
        first = first < 0 ? first : err;
    }
    return first;
}

/* Which of the submitter's files it must be, and whose run's. */
static int check_right(const Bit__ModelSpec *model, const struct bit_file_id *shown, const char *runs,
                       struct bit_init_from *o, const struct bit_file_id **these)
{
    *these = NULL;
    if (shown == NULL)
        return 0;
    if (are_shown(o, shown))
        *these = choose(o, shown);
    else
        find_run(o, runs);
    if (*these != NULL || o->run[0] != '\0')
        return 0;
    return bit_fail(BIT_EAUTH, FIELD ": %s: you did not show that you may read it, and it is no checkpoint below %s",
                    model->init_from, runs);
}

int bit_init_look(const Bit__ModelSpec *model, const struct bit_file_id *shown, const char *runs,
                  struct bit_problems *problems, struct bit_problems *notes, struct bit_init_from *out)
{
    struct look l = {.o = out, .model = model, .problems = problems, .notes = notes};
    int err = find(model->init_from, out);

    if (err < 0) {
        bit_problems_add(problems, FIELD, 0, 0, "%s", bit_fail_text());
        return bit_fail_within(err == -ENOENT ? BIT_EDATA : err, FIELD);
    }
    err = check_right(model, shown, runs, out, &l.shown);
    if (err < 0)
        return err;
    err = look_at_all(&l);
    return err < 0 ? bit_fail_within(err, FIELD) : 0;
}
