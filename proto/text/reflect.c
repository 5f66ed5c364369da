#include "proto/text/reflect.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

/* A descriptor gives a member's offset; only these two functions cast by it. */
static const void *member(const ProtobufCMessage *msg, unsigned offset)
{
    return (const uint8_t *)msg + offset;
}

static void *member_mut(ProtobufCMessage *msg, unsigned offset)
{
    return (uint8_t *)msg + offset;
}

static bool is_pointer(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;
}

static bool is_oneof(const ProtobufCFieldDescriptor *field)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

static size_t element_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

ProtobufCMessage *bit_message_new(const ProtobufCMessageDescriptor *desc)
{
    ProtobufCMessage *msg = calloc(1, desc->sizeof_message);

    if (msg != NULL)
        protobuf_c_message_init(desc, msg);
    return msg;
}

uint32_t bit_field_oneof_case(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field)
{
    return is_oneof(field) ? *(const uint32_t *)member(msg, field->quantifier_offset) : 0;
}

size_t bit_field_count(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field)
{
    const void *at = member(msg, field->offset);

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)member(msg, field->quantifier_offset);
    if (is_oneof(field) && bit_field_oneof_case(msg, field) != field->id)
        return 0;
    if (is_pointer(field))
        return *(void *const *)at != NULL && *(void *const *)at != field->default_value;
    if (is_oneof(field) || field->label != PROTOBUF_C_LABEL_OPTIONAL)
        return 1;
    return *(const protobuf_c_boolean *)member(msg, field->quantifier_offset) != 0;
}

const void *bit_field_at(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field, size_t i)
{
    BIT_ASSERT(i < bit_field_count(msg, field));
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return member(msg, field->offset);
    return *(const uint8_t *const *)member(msg, field->offset) + i * element_size(field);
}

ProtobufCMessage *bit_field_message(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field, size_t i)
{
    BIT_ASSERT(field->type == PROTOBUF_C_TYPE_MESSAGE);
    return i < bit_field_count(msg, field) ? *(ProtobufCMessage *const *)bit_field_at(msg, field, i) : NULL;
}

/* protobuf-c stores no capacity, and its own lists have no spare room: always realloc to a power of two, which mostly
 * changes nothing. */
static int append(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field, const void *element)
{
    size_t *count = member_mut(msg, field->quantifier_offset), size = element_size(field), capacity = 1, bytes;
    uint8_t **list = member_mut(msg, field->offset);

    while (capacity <= *count)
        capacity *= 2;
    uint8_t *grown = bit_mul_size(capacity, size, &bytes) ? realloc(*list, bytes) : NULL;
    if (grown == NULL)
        return bit_fail(-ENOMEM, "%zu elements of %s", capacity, field->name);
    *list = grown;
    memcpy(*list + *count * size, element, size);
    ++*count;
    return 0;
}

int bit_field_add(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field, const void *element)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return append(msg, field, element);
    memcpy(member_mut(msg, field->offset), element, element_size(field));
    if (is_oneof(field))
        *(uint32_t *)member_mut(msg, field->quantifier_offset) = field->id;
    else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && !is_pointer(field))
        *(protobuf_c_boolean *)member_mut(msg, field->quantifier_offset) = 1;
    return 0;
}

static void free_element(const ProtobufCFieldDescriptor *field, const void *element)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        protobuf_c_message_free_unpacked(*(ProtobufCMessage *const *)element, NULL);
    else if (field->type == PROTOBUF_C_TYPE_STRING)
        free(*(char *const *)element);
    else if (field->type == PROTOBUF_C_TYPE_BYTES)
        free(((const ProtobufCBinaryData *)element)->data);
}

void bit_field_clear(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field)
{
    size_t count = bit_field_count(msg, field);

    for (size_t i = 0; i < count; i++)
        free_element(field, bit_field_at(msg, field, i));
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        free(*(void **)member_mut(msg, field->offset));
        *(void **)member_mut(msg, field->offset) = NULL;
        *(size_t *)member_mut(msg, field->quantifier_offset) = 0;
        return;
    }
    if (is_oneof(field) && bit_field_oneof_case(msg, field) != field->id)
        return;
    memset(member_mut(msg, field->offset), 0, element_size(field));
    if (is_oneof(field))
        *(uint32_t *)member_mut(msg, field->quantifier_offset) = 0;
    else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && !is_pointer(field))
        *(protobuf_c_boolean *)member_mut(msg, field->quantifier_offset) = 0;
}

static ProtobufCMessage *copy_message(const ProtobufCMessage *from);

static bool copy_bytes(const ProtobufCBinaryData *from, ProtobufCBinaryData *to)
{
    *to = (ProtobufCBinaryData){.len = from->len, .data = malloc(BIT_MAX(from->len, 1u))};
    if (to->data != NULL && from->len > 0)
        memcpy(to->data, from->data, from->len);
    return to->data != NULL;
}

/* A copy of one element, with its string or message on the heap; false when memory ran out. */
static bool copy_element(const ProtobufCFieldDescriptor *field, const void *from, void *to)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)to = strdup(*(char *const *)from);
        return *(char **)to != NULL;
    case PROTOBUF_C_TYPE_BYTES:
        return copy_bytes(from, to);
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)to = copy_message(*(ProtobufCMessage *const *)from);
        return *(ProtobufCMessage **)to != NULL;
    default:
        memcpy(to, from, element_size(field));
        return true;
    }
}

/* The field is absent in dst, or a required scalar that is zero. */
static int copy_field(ProtobufCMessage *dst, const ProtobufCMessage *src, const ProtobufCFieldDescriptor *field)
{
    union {
        uint64_t number;
        void *pointer;
        ProtobufCBinaryData bytes;
    } copy;
    int err = 0;

    for (size_t i = 0; i < bit_field_count(src, field) && err == 0; i++) {
        memset(&copy, 0, sizeof copy);
        if (!copy_element(field, bit_field_at(src, field, i), &copy))
            return bit_fail(-ENOMEM, "a copy of %s", field->name);
        err = bit_field_add(dst, field, &copy);
        if (err < 0)
            free_element(field, &copy);
    }
    return err;
}

static ProtobufCMessage *copy_message(const ProtobufCMessage *from)
{
    ProtobufCMessage *to = bit_message_new(from->descriptor);

    for (unsigned i = 0; to != NULL && i < from->descriptor->n_fields; i++)
        if (copy_field(to, from, &from->descriptor->fields[i]) < 0) {
            protobuf_c_message_free_unpacked(to, NULL);
            to = NULL;
        }
    return to;
}

int bit_message_fill(ProtobufCMessage *dst, const ProtobufCMessage *src)
{
    const ProtobufCMessageDescriptor *desc = dst->descriptor;
    int err = 0;

    BIT_ASSERT(desc == src->descriptor);
    for (unsigned i = 0; i < desc->n_fields && err == 0; i++) {
        const ProtobufCFieldDescriptor *field = &desc->fields[i];
        bool absent = bit_field_count(dst, field) == 0 && bit_field_oneof_case(dst, field) == 0;

        if (absent)
            err = copy_field(dst, src, field);
        else if (field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED &&
                 bit_field_count(dst, field) == 1 && bit_field_count(src, field) == 1)
            err = bit_message_fill(bit_field_message(dst, field, 0), bit_field_message(src, field, 0));
    }
    return err;
}

const ProtobufCFieldDescriptor *bit_field_find(const ProtobufCMessageDescriptor *desc, const char *name, size_t len)
{
    for (unsigned i = 0; i < desc->n_fields; i++)
        if (strlen(desc->fields[i].name) == len && memcmp(desc->fields[i].name, name, len) == 0)
            return &desc->fields[i];
    return NULL;
}

void bit_integer_format(const ProtobufCFieldDescriptor *field, const void *at, char out[32])
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        snprintf(out, 32, "%" PRId32, *(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        snprintf(out, 32, "%" PRIu32, *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        snprintf(out, 32, "%" PRIu64, *(const uint64_t *)at);
        break;
    default:
        snprintf(out, 32, "%" PRId64, *(const int64_t *)at);
    }
}

void bit_double_format(double value, char out[32])
{
    if (!isfinite(value)) {
        strcpy(out, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return;
    }
    /* Decimals of up to 15 digits survive a round trip, so start there (%g drops trailing zeros); 17 digits always read
     * back. */
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            return;
    }
}
