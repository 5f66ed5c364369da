#include "daemon/store/init_from.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sys/fileio.h"
#include "proto/check.h"
#include "proto/ckpt/init_file.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

#define FACTS_BYTES_MAX (BIT_PATH_MAX + 256)

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
    int err = bit_init_look_path(o, i, path);
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
    return err < 0 && err != -ENOMEM ? BIT_EDATA : err; /* it will be the same the next time */
}
