#include "daemon/store/init_from.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sys/fileio.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/ckpt/init_file.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

#define FACTS_BYTES_MAX (BIT_PATH_MAX + 256)

static const char *const within[BIT_INIT_FROM_FILES] = {BIT_CHECKPOINT_MANIFEST, "model.safetensors"};

static int path_of(const struct bit_init_from *o, size_t i, char out[BIT_PATH_MAX])
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

static int check_manifest(int fd, const char *path)
{
    Bit__Manifest *manifest = NULL;
    int err = bit_manifest_read_open(fd, path, &manifest);

    bit_msg_free(manifest);
    return err;
}

/* Nothing of an open file is read before it is known to be the one that may be. */
static int look_into(struct bit_init_from *o, size_t i, int fd, const char *path, const struct stat *st,
                     const Bit__ModelSpec *model)
{
    note(st, &o->file[i]);
    if (o->folder && i == 0)
        return check_manifest(fd, path);
    return bit_init_file_check_header(fd, path, model);
}

static int look_at(struct bit_init_from *o, size_t i, const struct bit_file_id *shown, const Bit__ModelSpec *model)
{
    char path[BIT_PATH_MAX];
    struct stat st;
    int err = path_of(o, i, path);
    int fd = err < 0 ? err : bit_regular_file_open(path, false, &st);

    if (fd < 0)
        return fd;
    if (shown != NULL && !bit_file_id_is(&shown[i], &st))
        err = bit_fail(BIT_EAUTH, "'%s' is another file for this bitd than for who submitted it", path);
    if (err == 0)
        err = look_into(o, i, fd, path, &st, model);
    close(fd);
    return err;
}

int bit_init_from_examine(const Bit__ModelSpec *model, const struct bit_file_id *shown, const char *runs,
                          struct bit_init_from *out)
{
    const struct bit_file_id *these = NULL;
    int err = find(model->init_from, out);

    if (err < 0)
        return bit_fail_within(err, "model.init_from");
    if (shown != NULL && are_shown(out, shown))
        these = choose(out, shown);
    else if (shown != NULL)
        find_run(out, runs);
    if (shown != NULL && these == NULL && out->run[0] == '\0')
        return bit_fail(BIT_EAUTH,
                        "model.init_from: %s: you did not show that you may read it, and it is no checkpoint below %s",
                        model->init_from, runs);
    for (size_t i = 0; i < out->count && err == 0; i++)
        err = look_at(out, i, these, model);
    if (err == BIT_ELIMIT) /* a file that is none has any number where a length would be */
        err = BIT_ECORRUPT;
    return err < 0 ? bit_fail_within(err, "model.init_from") : 0;
}

/* ---- kept */

void bit_init_from_tell(struct bit_init_from *o, Bit__InitFile *list[BIT_INIT_FROM_FILES], Bit__InitFacts *out)
{
    bit__init_facts__init(out);
    out->path = o->path;
    out->folder = o->folder;
    out->n_file = o->count;
    out->file = list;
    for (size_t i = 0; i < o->count; i++)
        list[i] = &o->file[i];
}

int bit_init_from_keep(const struct bit_init_from *o, const char *path)
{
    struct bit_init_from copy = *o;
    Bit__InitFile *list[BIT_INIT_FROM_FILES];
    Bit__InitFacts facts;

    bit_init_from_tell(&copy, list, &facts);
    uint8_t *buf = malloc(bit__init_facts__get_packed_size(&facts) + 1);
    if (buf == NULL)
        return bit_fail(-ENOMEM, "%s", path);
    int err = bit_file_write(path, buf, bit__init_facts__pack(&facts, buf));
    free(buf);
    return err;
}

static int take(const Bit__InitFacts *facts, const char *path, struct bit_init_from *out)
{
    size_t count = facts->folder ? BIT_INIT_FROM_FILES : 1;

    if (strlen(facts->path) >= sizeof out->path || facts->n_file != count)
        return bit_fail(BIT_ECORRUPT, "%s: %zu files, and %zu are expected", path, facts->n_file, count);
    *out = (struct bit_init_from){.folder = facts->folder, .count = count};
    snprintf(out->path, sizeof out->path, "%s", facts->path);
    for (size_t i = 0; i < count; i++)
        out->file[i] = *facts->file[i];
    return 0;
}

int bit_init_from_load(const char *path, struct bit_init_from *out)
{
    ProtobufCMessage *msg = NULL;
    uint8_t *buf = NULL;
    size_t bytes = 0;
    int err = bit_file_read(path, FACTS_BYTES_MAX, &buf, &bytes);

    if (err == 0)
        err = bit_msg_decode_as(&bit__init_facts__descriptor, buf, bytes, BIT_DECODE_BUDGET_MAX, &msg);
    if (err == 0)
        err = take((const Bit__InitFacts *)msg, path, out);
    bit_msg_free(msg);
    free(buf);
    return err;
}

static int check_file(const struct bit_init_from *o, size_t i)
{
    char path[BIT_PATH_MAX];
    struct stat st;
    int err = path_of(o, i, path);
    int fd = err < 0 ? err : bit_regular_file_open(path, false, &st);

    if (fd < 0)
        return fd;
    err = bit_init_file_check_same(path, &st, &o->file[i]);
    if (err == 0 && st.st_dev != o->file[i].device)
        err = bit_fail(BIT_EDATA, "'%s': on another device than when the run was submitted", path);
    close(fd);
    return err;
}

static int check_kept(const struct bit_init_from *o)
{
    int err = 0;

    for (size_t i = 0; i < o->count && err == 0; i++)
        err = check_file(o, i);
    return err;
}

/* Of a run that an earlier version took in. */
static int examine_late(const Bit__ModelSpec *model, const char *path, bool own, struct bit_init_from *o)
{
    if (!own)
        return bit_fail(BIT_EAUTH, "model.init_from: %s: nobody has shown that it may be read; submit the run again",
                        model->init_from);
    int err = bit_init_from_examine(model, NULL, "", o);
    return err < 0 ? err : bit_init_from_keep(o, path);
}

int bit_init_from_check(const Bit__ModelSpec *model, const char *path, bool own)
{
    struct bit_init_from *o = malloc(sizeof *o);
    int err = o == NULL ? bit_fail(-ENOMEM, "model.init_from") : bit_init_from_load(path, o);

    if (err == -ENOENT)
        err = examine_late(model, path, own, o);
    else if (err == 0)
        err = check_kept(o) < 0 ? bit_fail_within(BIT_EDATA, "model.init_from") : 0;
    free(o);
    return err < 0 && err != -ENOMEM ? BIT_EDATA : err; /* it will be the same the next time */
}
