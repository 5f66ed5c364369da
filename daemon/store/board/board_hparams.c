#include "daemon/store/board/board_hparams.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sys/settings/config.h"
#include "proto/err.h"
#include "proto/events.h"
#include "proto/hparams.h"
#include "proto/log.h"
#include "proto/text/reflect.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("board_hparams");

/* Sorts before every file of scalars: TensorBoard reads a folder's files in that order, and only the last one for new
 * records. */
#define FILE_NAME    "events.out.tfevents.0.hparams"
#define HPARAMS_MAX  96
#define NAME_ROOM    64
#define RECORD_BYTES 65536

struct hparams {
    struct bit_hparam item[HPARAMS_MAX];
    char name[HPARAMS_MAX][NAME_ROOM];
    size_t count;
    uint8_t content[RECORD_BYTES / 2], record[RECORD_BYTES];
};

/* ---- from the specification: every single value of what is trained, and how */

static void take(struct hparams *h, const char *path, const ProtobufCFieldDescriptor *field, const void *at)
{
    struct bit_hparam *item = &h->item[h->count];

    *item = (struct bit_hparam){.name = h->name[h->count]};
    if (field->type == PROTOBUF_C_TYPE_ENUM) {
        const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)at);
        item->text = v != NULL ? v->name : "";
    } else if (field->type == PROTOBUF_C_TYPE_STRING) {
        item->text = *(char *const *)at;
    } else if (field->type == PROTOBUF_C_TYPE_DOUBLE) {
        item->number = *(const double *)at;
    } else if (field->type == PROTOBUF_C_TYPE_UINT64) {
        item->number = (double)*(const uint64_t *)at;
    } else if (field->type == PROTOBUF_C_TYPE_UINT32) {
        item->number = *(const uint32_t *)at;
    } else if (field->type == PROTOBUF_C_TYPE_BOOL) {
        item->number = *(const protobuf_c_boolean *)at;
        item->is_truth = true;
    } else {
        return;
    }
    snprintf(h->name[h->count++], NAME_ROOM, "%s", path);
}

/* Lists are left out: they are files. The recursion ends with the nesting of the specification's messages. */
static void take_message(struct hparams *h, const char *path, const ProtobufCMessage *msg)
{
    char below[NAME_ROOM];

    for (unsigned i = 0; msg != NULL && i < msg->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &msg->descriptor->fields[i];
        if (field->label == PROTOBUF_C_LABEL_REPEATED || bit_field_count(msg, field) == 0 || h->count == HPARAMS_MAX ||
            snprintf(below, sizeof below, "%s.%s", path, field->name) >= (int)sizeof below)
            continue;
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            take_message(h, below, bit_field_message(msg, field, 0));
        else
            take(h, below, field, bit_field_at(msg, field, 0));
    }
}

/* Left out: launch, checkpoint, eval and guard, which do not change the model. */
static void take_spec(struct hparams *h, const Bit__RunSpec *spec)
{
    const struct {
        const char *path;
        const void *msg;
    } part[] = {{"phases", spec->phases}, {"schedule", spec->schedule}, {"optimizer", spec->optimizer},
                {"batch", spec->batch},   {"data", spec->data},         {"quantizer", spec->quantizer},
                {"model", spec->model}};

    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        take_message(h, part[i].path, part[i].msg);
}

/* ---- the file */

static int put(FILE *f, const uint8_t *record, int bytes)
{
    if (bytes < 0)
        return bytes;
    return fwrite(record, 1, (size_t)bytes, f) == (size_t)bytes ? 0 : bit_fail(-EIO, "%s", strerror(errno));
}

static int put_plugin(FILE *f, struct hparams *h, double wall_s, const char *tag, int content)
{
    if (content < 0)
        return content;
    return put(
        f, h->record,
        bit_event_plugin(wall_s, tag, BIT_HPARAMS_PLUGIN, h->content, (size_t)content, h->record, sizeof h->record));
}

static enum bit_hparams_end end_of(const struct bit_run *run)
{
    if (run->state == BIT__RUN_STATE__COMPLETED)
        return BIT_HPARAMS_SUCCESS;
    return run->state == BIT__RUN_STATE__FAILED ? BIT_HPARAMS_FAILURE : BIT_HPARAMS_UNKNOWN;
}

static int put_all(FILE *f, struct hparams *h, const struct bit_run *run)
{
    const double start_s = (double)run->started_ns / 1e9, end_s = (double)run->ended_ns / 1e9;
    int err = put(f, h->record, bit_event_version(start_s, h->record, sizeof h->record));

    if (err == 0)
        err = put_plugin(f, h, start_s, BIT_HPARAMS_START_TAG,
                         bit_hparams_start(start_s, h->item, h->count, h->content, sizeof h->content));
    if (err == 0 && bit_run_ended(run))
        err = put_plugin(f, h, end_s, BIT_HPARAMS_END_TAG,
                         bit_hparams_end(end_s, end_of(run), h->content, sizeof h->content));
    return err;
}

/* Via a temporary name, so that TensorBoard reads the old or the new file as a whole. */
static int write_file(const struct bit_run *run, const char *dir, struct hparams *h)
{
    char path[BIT_CONFIG_PATH_MAX + 128], part[BIT_CONFIG_PATH_MAX + 128];

    snprintf(path, sizeof path, "%s/" FILE_NAME, dir);
    snprintf(part, sizeof part, "%s/.hparams.part", dir);
    FILE *f = fopen(part, "we");
    if (f == NULL)
        return bit_fail(-errno, "%s: %s", part, strerror(errno));
    int err = put_all(f, h, run);
    if (fclose(f) != 0 && err == 0)
        err = bit_fail(-errno, "%s: %s", part, strerror(errno));
    if (err == 0 && rename(part, path) < 0)
        err = bit_fail(-errno, "%s: %s", path, strerror(errno));
    if (err < 0)
        unlink(part);
    return err;
}

static int write_hparams(const struct bit_run *run, const char *dir)
{
    Bit__RunSpec *spec = bit_changes_effective(run->spec, &run->plan);
    struct hparams *h = calloc(1, sizeof *h);
    int err = spec == NULL || h == NULL ? bit_fail(-ENOMEM, "hyperparameters") : 0;

    if (err == 0) {
        take_spec(h, spec);
        err = write_file(run, dir, h);
    }
    free(h);
    bit_msg_free(spec);
    return err;
}

static bool tells_more(const struct bit_run *run, const Bit__JournalRecord *record)
{
    switch (record->what_case) {
    case BIT__JOURNAL_RECORD__WHAT_READY:
    case BIT__JOURNAL_RECORD__WHAT_SWITCH_PLANNED:
    case BIT__JOURNAL_RECORD__WHAT_SWITCHED:
    case BIT__JOURNAL_RECORD__WHAT_CHANGED:
    case BIT__JOURNAL_RECORD__WHAT_RESUMED:
        return run->started_ns > 0;
    case BIT__JOURNAL_RECORD__WHAT_STATE:
        return run->started_ns > 0 && bit_run_ended(run);
    default:
        return false;
    }
}

void bit_board_hparams_note(const struct bit_run *run, const char *dir, const Bit__JournalRecord *record)
{
    if (tells_more(run, record) && write_hparams(run, dir) < 0)
        bit_warn("no hyperparameters", "run=%s text=%s", run->id, bit_fail_text());
}
