#include "daemon/run/plans/spec_differences.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/text/reflect.h"
#include "proto/wire/msg.h"

static bool are_same_elements(const ProtobufCFieldDescriptor *field, const void *a, const void *b)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return bit_msg_is_same(*(ProtobufCMessage *const *)a, *(ProtobufCMessage *const *)b);
    case PROTOBUF_C_TYPE_STRING:
        return strcmp(*(char *const *)a, *(char *const *)b) == 0;
    case PROTOBUF_C_TYPE_BOOL:
        return *(const protobuf_c_boolean *)a == *(const protobuf_c_boolean *)b;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return memcmp(a, b, 8) == 0;
    default:
        return memcmp(a, b, 4) == 0;
    }
}

static void compare(const ProtobufCMessage *a, const ProtobufCMessage *b, const char *prefix, bit_spec_differs *differs,
                    void *arg)
{
    char path[128];

    for (unsigned i = 0; i < a->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &a->descriptor->fields[i];
        const size_t n = bit_field_count(a, field);
        bool same = n == bit_field_count(b, field);
        bool message = field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED;
        snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] ? "." : "", field->name);
        if (same && n == 1 && message) {
            compare(bit_field_message(a, field, 0), bit_field_message(b, field, 0), path, differs, arg);
            continue;
        }
        for (size_t k = 0; same && k < n; k++)
            same = are_same_elements(field, bit_field_at(a, field, k), bit_field_at(b, field, k));
        if (!same)
            differs(arg, path);
    }
}

void bit_spec_differences_find(const Bit__RunSpec *a, const Bit__RunSpec *b, bit_spec_differs *differs, void *arg)
{
    compare(&a->base, &b->base, "", differs, arg);
}

bool bit_spec_differences_is_within(const char *path, const char *field)
{
    const size_t bytes = strlen(field);

    return strncmp(path, field, bytes) == 0 && (path[bytes] == '\0' || path[bytes] == '.');
}
