#include "daemon/store/journal/journal_index.h"

#include <stdlib.h>

#include "proto/bit.pb-c.h"
#include "proto/check.h"
#include "proto/err.h"

/* ---- the kind of a record, from its bytes */

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

struct wire {
    const uint8_t *at, *end;
};

static bool take_varint(struct wire *w, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; w->at < w->end && shift < 64; shift += 7) {
        uint8_t byte = *w->at++;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* Read one field; `value` is set unless it is a varint. */
static bool take_field(struct wire *w, uint64_t *number, struct wire *value)
{
    uint64_t tag, bytes = 0;

    if (!take_varint(w, &tag))
        return false;
    *number = tag >> 3;
    if ((tag & 7) == VARINT)
        return take_varint(w, &bytes);
    bool known = (tag & 7) == BYTES ? take_varint(w, &bytes) : (tag & 7) == FIXED64 || (tag & 7) == FIXED32;
    bytes = (tag & 7) == FIXED64 ? 8 : (tag & 7) == FIXED32 ? 4 : bytes;
    if (!known || bytes > (uint64_t)(w->end - w->at))
        return false;
    *value = (struct wire){w->at, w->at + bytes};
    w->at += bytes;
    return true;
}

static uint64_t number_of(const ProtobufCMessageDescriptor *desc, const char *name)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(desc, name);

    BIT_ASSERT(field != NULL);
    return field->id;
}

static bool has_field(struct wire message, uint64_t wanted, struct wire *value)
{
    for (uint64_t number = 0; message.at < message.end && take_field(&message, &number, value);)
        if (number == wanted)
            return true;
    return false;
}

bool bit_journal_index_is_plain(const uint8_t *body, size_t bytes)
{
    struct wire step = {NULL, NULL}, anomaly;

    return has_field((struct wire){body, body + bytes}, number_of(&bit__journal_record__descriptor, "step"), &step) &&
           !has_field(step, number_of(&bit__step_report__descriptor, "anomaly"), &anomaly);
}

/* ---- where records lie */

static int grow(void **items, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return 0;
    size_t more = *room > 0 ? 2 * *room : 8;
    void *grown = realloc(*items, more * size);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "where %zu records of a journal lie", more);
    *items = grown;
    *room = more;
    return 0;
}

int bit_journal_index_reserve(struct bit_journal_index *x)
{
    void *entries = x->entry, *marks = x->mark;
    int err = grow(&entries, &x->room, x->count, sizeof *x->entry);

    x->entry = entries;
    if (err == 0)
        err = grow(&marks, &x->mark_room, x->mark_count, sizeof *x->mark);
    x->mark = marks;
    return err;
}

void bit_journal_index_add(struct bit_journal_index *x, uint64_t seq, uint64_t offset, size_t bytes, bool plain)
{
    BIT_ASSERT(x->count < x->room && x->mark_count < x->mark_room);
    if ((seq - 1) % BIT_JOURNAL_INDEX_STRIDE == 0)
        x->mark[x->mark_count++] = offset;
    if (!plain)
        x->entry[x->count++] = (struct bit_journal_index_entry){seq, offset, bit_to_u32(bytes)};
}

size_t bit_journal_index_find(const struct bit_journal_index *x, uint64_t after)
{
    size_t low = 0, high = x->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (x->entry[middle].seq > after)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

uint64_t bit_journal_index_offset(const struct bit_journal_index *x, uint64_t after)
{
    if (x->mark_count == 0)
        return 0;
    return x->mark[BIT_MIN(after / BIT_JOURNAL_INDEX_STRIDE, (uint64_t)x->mark_count - 1)];
}

void bit_journal_index_finish(struct bit_journal_index *x)
{
    free(x->entry);
    free(x->mark);
    *x = (struct bit_journal_index){.entry = NULL};
}
