#include "daemon/store/checkpoints/bad_checkpoints.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/runs/runner.h"
#include "daemon/sys/files/fileio.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("bad_checkpoints");

void bit_bad_checkpoints_finish(struct bit_bad_checkpoints *b)
{
    free(b->item);
    *b = (struct bit_bad_checkpoints){0};
}

static void note(struct bit_bad_checkpoints *b, const char *name)
{
    struct bit_bad_checkpoint *grown = realloc(b->item, (b->count + 1) * sizeof *grown);

    if (grown == NULL)
        return;
    b->item = grown;
    struct bit_bad_checkpoint *item = &b->item[b->count++];
    bit_format(item->name, sizeof item->name, "%s", name);
    bit_format(item->text, sizeof item->text, "%s", bit_fail_text());
}

void bit_bad_checkpoints_set_aside(struct bit_bad_checkpoints *b, const char *folder, const char *name, const char *as)
{
    char path[PATH_MAX], aside[PATH_MAX];

    note(b, name);
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path ||
        snprintf(aside, sizeof aside, "%s/%s.bad", folder, as) >= (int)sizeof aside)
        return;
    bit_dir_remove(aside); /* an earlier one */
    if (rename(path, aside) < 0)
        bit_warn("bad checkpoint not set aside", "path=%s text=%s", path, strerror(errno));
}

void bit_bad_checkpoints_record_one(struct bit_runner *r, const char *name, const char *text)
{
    Bit__CheckpointBad m = BIT__CHECKPOINT_BAD__INIT;

    m.name = (char *)(uintptr_t)name;
    m.text = (char *)(uintptr_t)text;
    bit_error("checkpoint bad", "run=%s name=%s text=%s", r->run.id, name, text);
    bit_record(r, BAD, bad, &m);
}

void bit_bad_checkpoints_record(struct bit_runner *r, const struct bit_bad_checkpoints *b)
{
    for (size_t i = 0; i < b->count; i++)
        bit_bad_checkpoints_record_one(r, b->item[i].name, b->item[i].text);
}
