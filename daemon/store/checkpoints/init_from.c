#include "daemon/store/checkpoints/init_from.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sys/files/message_file.h"
#include "proto/check.h"
#include "proto/ckpt/init_file.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

#define FACTS_BYTES_MAX (BIT_PATH_MAX + 256 + BIT_WEIGHT_FILES_MAX * (BIT_WEIGHT_FILE_NAME_MAX + 64))

/* ---- init.pb */

void bit_init_from_tell(struct bit_init_from *o, struct bit_init_lists *lists, Bit__InitFacts *out)
{
    const struct bit_origin *origin = &o->origin;

    bit__init_facts__init(out);
    out->path = o->origin.path;
    out->folder = origin->kind != BIT_ORIGIN_FILE;
    out->n_file = origin->count;
    out->file = lists->file;
    out->n_name = origin->kind == BIT_ORIGIN_FOLDER ? origin->count : 0; /* a checkpoint's file names are fixed */
    out->name = lists->name;
    for (size_t i = 0; i < origin->count; i++) {
        lists->file[i] = &o->file[i];
        lists->name[i] = o->origin.name[i];
    }
}

int bit_init_from_keep(struct bit_init_from *o, const char *path)
{
    struct bit_init_lists lists;
    Bit__InitFacts facts;

    bit_init_from_tell(o, &lists, &facts);
    return bit_message_file_write(path, &facts.base);
}

static int take(const Bit__InitFacts *facts, const char *path, struct bit_init_from *out)
{
    memset(out, 0, sizeof *out);
    int err = bit_origin_take(facts, &out->origin);

    for (size_t i = 0; err >= 0 && i < out->origin.count; i++)
        out->file[i] = *facts->file[i];
    return err < 0 ? bit_fail_within(err, "%s", path) : 0;
}

int bit_init_from_load(const char *path, struct bit_init_from *out)
{
    ProtobufCMessage *msg = NULL;
    int err = bit_message_file_read(path, &bit__init_facts__descriptor, FACTS_BYTES_MAX, BIT_DECODE_BUDGET_MAX, &msg);

    if (err == 0)
        err = take((const Bit__InitFacts *)msg, path, out);
    bit_msg_free(msg);
    return err;
}

static int check_file(const struct bit_init_from *o, size_t i)
{
    char path[BIT_PATH_MAX];
    struct stat st;
    int err = bit_origin_path(&o->origin, i, path);
    int fd = err < 0 ? err : bit_regular_file_open(path, o->origin.kind == BIT_ORIGIN_FOLDER, &st);

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

    for (size_t i = 0; i < o->origin.count && err == 0; i++)
        err = check_file(o, i);
    return err;
}

/* For a run that was submitted to an earlier version. */
static int examine_late(const Bit__ModelSpec *model, const char *path, bool own, struct bit_init_from *o)
{
    if (!own)
        return bit_fail(BIT_EAUTH,
                        "model.init_from: %s: its submitter has not proven the right to read it; submit "
                        "the run again",
                        model->init_from);
    struct bit_problems *problems = calloc(2, sizeof *problems);
    int err = problems == NULL ? bit_fail(-ENOMEM, "model.init_from")
                               : bit_init_look(model, NULL, "", problems, &problems[1], o);
    free(problems);
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
    return err < 0 && err != -ENOMEM ? BIT_EDATA : err; /* repeating the launch would not help */
}
