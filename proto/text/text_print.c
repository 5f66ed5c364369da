#include "proto/text/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/escape.h"
#include "proto/text/reflect.h"
#include "proto/utf8.h"

static void print_byte(FILE *f, unsigned char c)
{
    static const char plain[] = "\n\r\t\\\"", means[] = "nrt\\\"";
    const char *found = c != '\0' ? strchr(plain, c) : NULL;

    if (found != NULL)
        fprintf(f, "\\%c", means[found - plain]);
    else if (c < 0x20 || c >= 0x7f)
        fprintf(f, "\\%03o", c);
    else
        fputc(c, f);
}

/* Harmless UTF-8 is not escaped, so that text stays readable. With `raw`, for fields of type bytes, every byte beyond
 * ASCII is escaped. */
static void print_string(FILE *f, const char *text, size_t len, bool raw)
{
    uint32_t code;

    fputc('"', f);
    for (size_t at = 0, step; at < len; at += step) {
        step = raw ? 1 : bit_utf8_decode(text + at, len - at, &code);
        if (step > 1 && bit_escape_needed(code))
            fprintf(f, "\\u%04x", code);
        else if (step > 1)
            fwrite(text + at, 1, step, f);
        else
            print_byte(f, (unsigned char)text[at]);
        step = step == 0 ? 1 : step;
    }
    fputc('"', f);
}

static void print_scalar(FILE *f, const ProtobufCFieldDescriptor *field, const void *at)
{
    const ProtobufCEnumValue *value;
    const ProtobufCBinaryData *bytes;
    char number[32];

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        print_string(f, *(char *const *)at, strlen(*(char *const *)at), false);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        bytes = at;
        print_string(f, (const char *)bytes->data, bytes->len, true);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        fputs(*(const protobuf_c_boolean *)at ? "true" : "false", f);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        value = protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)at);
        value != NULL ? fputs(value->name, f) : fprintf(f, "%d", *(const int *)at);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        bit_double_format(field->type == PROTOBUF_C_TYPE_FLOAT ? (double)*(const float *)at : *(const double *)at,
                          number);
        fputs(number, f);
        break;
    default:
        bit_integer_format(field, at, number);
        fputs(number, f);
        break;
    }
}

static void print_fields(FILE *f, const ProtobufCMessage *msg, int indent)
{
    for (unsigned i = 0; i < msg->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &msg->descriptor->fields[i];
        for (size_t k = 0; k < bit_field_count(msg, field); k++) {
            fprintf(f, "%*s%s", indent, "", field->name);
            if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
                fputs(" {\n", f);
                print_fields(f, bit_field_message(msg, field, k), indent + 2);
                fprintf(f, "%*s}\n", indent, "");
            } else {
                fputs(": ", f);
                print_scalar(f, field, bit_field_at(msg, field, k));
                fputc('\n', f);
            }
        }
    }
}

int bit_text_print(const ProtobufCMessage *msg, char **out, size_t *bytes)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    if (f == NULL)
        return bit_fail(-errno, "text of %s", msg->descriptor->name);
    print_fields(f, msg, 0);
    bool failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed) {
        free(text);
        return bit_fail(-ENOMEM, "text of %s", msg->descriptor->name);
    }
    *out = text;
    if (bytes != NULL)
        *bytes = len;
    return 0;
}
