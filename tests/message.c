#include "tests/message.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"

uint64_t test_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void *allocate(size_t bytes)
{
    void *p = calloc(1, bytes);

    BIT_ASSERT(p != NULL);
    return p;
}

static char *random_text(uint64_t *state)
{
    static const char *const pieces[] = {
        "",   "a",   "step-00002000", "/data/part-0.npy", "grüße", "€", "\xf0\x9f\x98\x80", "line\nnext", "\"",
        "\\", "0.1", "true"};
    const char *piece = pieces[test_random(state) % BIT_COUNT(pieces)];
    char *text = allocate(strlen(piece) + 1);

    memcpy(text, piece, strlen(piece));
    return text;
}

static ProtobufCBinaryData random_bytes(uint64_t *state)
{
    ProtobufCBinaryData b = {.len = test_random(state) % 5};

    b.data = b.len > 0 ? allocate(b.len) : NULL;
    for (size_t i = 0; i < b.len; i++)
        b.data[i] = (uint8_t)test_random(state);
    return b;
}

static double random_double(uint64_t *state)
{
    static const double odd[] = {0, -0.0, 1, 1e-5, 0.1, 3e-4, -1e300, 5e-324};
    uint64_t r = test_random(state);

    return r % 2 ? odd[r / 2 % BIT_COUNT(odd)] : (double)(int64_t)r / 1e12;
}

/* Every bit length from 1 to 64 is about equally likely. */
static uint64_t random_integer(uint64_t *state)
{
    uint64_t v = test_random(state);

    return v >> (test_random(state) % 64);
}

static size_t element_bytes(const ProtobufCFieldDescriptor *f)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    default:
        return 4;
    }
}

static void fill_value(const ProtobufCFieldDescriptor *f, void *at, uint64_t *state)
{
    const ProtobufCEnumDescriptor *e = f->descriptor;
    uint64_t number;
    double real;

    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = random_text(state);
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)at = test_message(f->descriptor, state);
        return;
    case PROTOBUF_C_TYPE_BYTES:
        *(ProtobufCBinaryData *)at = random_bytes(state);
        return;
    case PROTOBUF_C_TYPE_DOUBLE:
        real = random_double(state);
        memcpy(at, &real, sizeof real);
        return;
    case PROTOBUF_C_TYPE_FLOAT:
        *(float *)at = (float)(test_random(state) % 1000);
        return;
    case PROTOBUF_C_TYPE_ENUM:
        *(int *)at = e->values[test_random(state) % e->n_values].value;
        return;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = test_random(state) % 2;
        return;
    default:
        number = random_integer(state);
        memcpy(at, &number, element_bytes(f)); /* the low bytes, on a little-endian machine */
    }
}

static void fill_repeated(const ProtobufCFieldDescriptor *f, uint8_t *base, uint64_t *state)
{
    size_t count = test_random(state) % 4, bytes = element_bytes(f);
    uint8_t *items;

    if (count == 0)
        return;
    items = allocate(count * bytes);
    for (size_t i = 0; i < count; i++)
        fill_value(f, items + i * bytes, state);
    *(size_t *)(void *)(base + f->quantifier_offset) = count;
    *(void **)(void *)(base + f->offset) = items;
}

static void fill_field(const ProtobufCFieldDescriptor *f, uint8_t *base, uint64_t *state)
{
    void *quantifier = base + f->quantifier_offset;

    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        fill_repeated(f, base, state);
    } else if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        if (*(uint32_t *)quantifier != 0 || test_random(state) % 4 != 0)
            return;
        *(uint32_t *)quantifier = f->id;
        fill_value(f, base + f->offset, state);
    } else if (f->label == PROTOBUF_C_LABEL_REQUIRED || test_random(state) % 2 != 0) {
        fill_value(f, base + f->offset, state);
        if (f->quantifier_offset != 0)
            *(protobuf_c_boolean *)quantifier = true;
    }
}

ProtobufCMessage *test_message(const ProtobufCMessageDescriptor *desc, uint64_t *state)
{
    ProtobufCMessage *msg = allocate(desc->sizeof_message);

    protobuf_c_message_init(desc, msg);
    for (unsigned i = 0; i < desc->n_fields; i++)
        fill_field(&desc->fields[i], (uint8_t *)msg, state);
    return msg;
}
