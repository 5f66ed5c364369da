#include "proto/wire/strict.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/utf8.h"

struct cursor {
    const uint8_t *at, *end;
};

/* One occurrence of a field in a message. */
struct place {
    const ProtobufCMessageDescriptor *message;
    const ProtobufCFieldDescriptor *field;
    bool repair; /* the bytes are writable: repair broken strings instead of refusing them */
};

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static int refuse(const struct place *p, const char *why)
{
    return bit_fail(BIT_EMESSAGE, "%s.%s %s", p->message->name, p->field->name, why);
}

static size_t left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

/* protobuf-c accepts up to ten bytes for a value and five for a tag or a length. */
enum { VALUE_BYTES = 10, PREFIX_BYTES = 5 };

static bool read_varint(struct cursor *c, int most, uint64_t *out)
{
    uint64_t v = 0;

    for (int i = 0; i < most && c->at < c->end; i++) {
        uint8_t byte = *c->at++;
        if (i == VALUE_BYTES - 1 && byte > 1)
            return false;
        v |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            *out = v;
            return true;
        }
    }
    return false;
}

static bool read_fixed(struct cursor *c, int bytes, uint64_t *out)
{
    uint64_t v = 0;

    if (left(c) < (size_t)bytes)
        return false;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)c->at[i] << 8 * i;
    c->at += bytes;
    *out = v;
    return true;
}

/* The bytes of a length-delimited value. */
static bool read_span(struct cursor *c, struct cursor *out)
{
    uint64_t bytes;

    if (!read_varint(c, PREFIX_BYTES, &bytes) || bytes > left(c))
        return false;
    *out = (struct cursor){c->at, c->at + bytes};
    c->at += bytes;
    return true;
}

static enum wire wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    default:
        return WIRE_VARINT;
    }
}

static int check_varint(const struct place *p, uint64_t v)
{
    bool fits = true;

    switch (p->field->type) {
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_INT32:
        fits = (int64_t)v >= INT32_MIN && (int64_t)v <= INT32_MAX;
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SINT32:
        fits = v <= UINT32_MAX;
        break;
    case PROTOBUF_C_TYPE_BOOL:
        fits = v <= 1;
        break;
    default:
        break;
    }
    if (!fits)
        return refuse(p, "has a number that its type cannot hold");
    if (p->field->type == PROTOBUF_C_TYPE_ENUM &&
        protobuf_c_enum_descriptor_get_value(p->field->descriptor, (int)(int64_t)v) == NULL)
        return bit_fail(BIT_EMESSAGE, "%s.%s has no value %" PRId64, p->message->name, p->field->name, (int64_t)v);
    return 0;
}

static int check_float(const struct place *p, uint64_t bits)
{
    double v = 0;

    if (p->field->type == PROTOBUF_C_TYPE_DOUBLE) {
        memcpy(&v, &bits, sizeof v);
    } else if (p->field->type == PROTOBUF_C_TYPE_FLOAT) {
        uint32_t low = (uint32_t)bits;
        float narrow;
        memcpy(&narrow, &low, sizeof narrow);
        v = (double)narrow;
    }
    return isfinite(v) ? 0 : refuse(p, "is not a finite number");
}

/* A value that is not length-delimited. */
static int check_scalar(const struct place *p, struct cursor *c)
{
    enum wire wire = wire_of(p->field->type);
    uint64_t v;

    if (wire == WIRE_VARINT)
        return read_varint(c, VALUE_BYTES, &v) ? check_varint(p, v) : refuse(p, "has a broken varint");
    if (!read_fixed(c, wire == WIRE_64 ? 8 : 4, &v))
        return refuse(p, "ends too early");
    return check_float(p, v);
}

static int check_packed(const struct place *p, struct cursor values)
{
    while (values.at < values.end) {
        int err = check_scalar(p, &values);
        if (err < 0)
            return err;
    }
    return 0;
}

/* Keeps the length, so that the enclosing lengths stay valid. */
static void repair_string(uint8_t *text, size_t bytes)
{
    uint32_t code;

    for (size_t at = 0, step; at < bytes; at += step) {
        step = bit_utf8_decode((const char *)text + at, bytes - at, &code);
        if (step == 0 || code == 0) {
            text[at] = '?';
            step = 1;
        }
    }
}

static int check_string(const struct place *p, struct cursor text)
{
    if (p->repair)
        repair_string((uint8_t *)(uintptr_t)text.at, left(&text));
    if (left(&text) > 0 && memchr(text.at, '\0', left(&text)) != NULL)
        return refuse(p, "has a NUL in its text");
    if (!bit_utf8_valid((const char *)text.at, left(&text)))
        return refuse(p, "is not UTF-8");
    return 0;
}

static int check_message(const ProtobufCMessageDescriptor *desc, const uint8_t *body, size_t bytes, bool repair);

static int check_value(const struct place *p, enum wire wire, struct cursor *c)
{
    bool packed = p->field->label == PROTOBUF_C_LABEL_REPEATED && wire == WIRE_BYTES &&
                  wire_of(p->field->type) != WIRE_BYTES;
    struct cursor span;

    if (wire != wire_of(p->field->type) && !packed)
        return refuse(p, "is written as another type");
    if (wire != WIRE_BYTES)
        return check_scalar(p, c);
    if (!read_span(c, &span))
        return refuse(p, "has a broken length, or ends too early");
    if (packed)
        return check_packed(p, span);
    if (p->field->type == PROTOBUF_C_TYPE_STRING)
        return check_string(p, span);
    if (p->field->type == PROTOBUF_C_TYPE_MESSAGE)
        return check_message(p->field->descriptor, span.at, left(&span), p->repair);
    return 0;
}

/* Marks a field as seen; refuses a second occurrence, and a second member of a oneof. `seen` has a bit for each field.
 */
static int mark_seen(const struct place *p, uint64_t *seen)
{
    const ProtobufCMessageDescriptor *m = p->message;

    if (p->field->label == PROTOBUF_C_LABEL_REPEATED)
        return 0;
    for (unsigned i = 0; i < m->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &m->fields[i];
        bool rival = other == p->field || ((other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
                                           (p->field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
                                           other->quantifier_offset == p->field->quantifier_offset);
        if (rival && (*seen >> i & 1) != 0)
            return refuse(p, other == p->field ? "is given twice" : "is given with another member of its oneof");
    }
    *seen |= 1ull << (p->field - m->fields);
    return 0;
}

static int check_field(const ProtobufCMessageDescriptor *desc, struct cursor *c, uint64_t *seen, bool repair)
{
    struct place p = {.message = desc, .repair = repair};
    uint64_t tag;
    int err;

    if (!read_varint(c, PREFIX_BYTES, &tag) || tag >> 3 == 0 || tag > UINT32_MAX)
        return bit_fail(BIT_EMESSAGE, "%s has a broken tag", desc->name);
    p.field = protobuf_c_message_descriptor_get_field(desc, (unsigned)(tag >> 3));
    if (p.field == NULL)
        return bit_fail(BIT_EMESSAGE, "%s has no field %u", desc->name, (unsigned)(tag >> 3));
    err = mark_seen(&p, seen);
    return err < 0 ? err : check_value(&p, (enum wire)(tag & 7), c);
}

static int check_message(const ProtobufCMessageDescriptor *desc, const uint8_t *body, size_t bytes, bool repair)
{
    struct cursor c = {body, body};
    uint64_t seen = 0;

    BIT_ASSERT(desc->n_fields <= 64);
    if (bytes > 0) /* an empty body may be NULL; adding to NULL is undefined */
        c.end += bytes;
    while (c.at < c.end) {
        int err = check_field(desc, &c, &seen, repair);
        if (err < 0)
            return err;
    }
    for (unsigned i = 0; i < desc->n_fields; i++)
        if (desc->fields[i].label == PROTOBUF_C_LABEL_REQUIRED && (seen >> i & 1) == 0)
            return refuse(&(struct place){.message = desc, .field = &desc->fields[i]}, "is missing");
    return 0;
}

int bit_strict_check(const ProtobufCMessageDescriptor *desc, const uint8_t *body, size_t bytes)
{
    return check_message(desc, body, bytes, false);
}

int bit_strict_repair(const ProtobufCMessageDescriptor *desc, uint8_t *body, size_t bytes)
{
    return check_message(desc, body, bytes, true);
}
