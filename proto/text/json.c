#include "proto/text/json.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/bit.pb-c.h"
#include "proto/err.h"
#include "proto/escape.h"
#include "proto/text/precision.h"
#include "proto/text/reflect.h"
#include "proto/utf8.h"

static void print_ascii(FILE *f, char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", means[] = "\"\\bfnrt";
    const char *found = strchr(plain, c);

    if (found != NULL)
        fprintf(f, "\\%c", means[found - plain]);
    else if ((unsigned char)c < 0x20 || c == 0x7f)
        fprintf(f, "\\u%04x", (unsigned)c);
    else
        fputc(c, f);
}

static void print_string(FILE *f, const char *text)
{
    size_t left = strlen(text), step;
    uint32_t code;

    fputc('"', f);
    for (; left > 0; text += step, left -= step) {
        step = bit_utf8_decode(text, left, &code);
        if (step == 1)
            print_ascii(f, *text);
        else if (step == 0)
            fputs("\\ufffd", f);
        else if (bit_escape_needed(code))
            fprintf(f, "\\u%04x", code); /* all of these code points have at most four digits */
        else
            fwrite(text, 1, step, f);
        step = step == 0 ? 1 : step;
    }
    fputc('"', f);
}

static void print_hex(FILE *f, const ProtobufCBinaryData *bytes)
{
    fputc('"', f);
    for (size_t i = 0; i < bytes->len; i++)
        fprintf(f, "%02x", bytes->data[i]);
    fputc('"', f);
}

static void print_double(FILE *f, double value)
{
    char text[32];

    if (!isfinite(value)) {
        fputs("null", f);
        return;
    }
    bit_double_format(value, text);
    fprintf(f, "%s%s", text, strpbrk(text, ".e") != NULL ? "" : ".0");
}

static void print_enum(FILE *f, const ProtobufCEnumDescriptor *desc, int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(desc, number);

    if (value == NULL) {
        fprintf(f, "%d", number);
        return;
    }
    if (desc == &bit__precision__descriptor) {
        fprintf(f, "\"%s\"", bit_precision_name((Bit__Precision)number));
        return;
    }
    fputc('"', f);
    for (const char *c = value->name; *c != '\0'; c++)
        fputc(tolower((unsigned char)*c), f);
    fputc('"', f);
}

/* ---- integers and times */

#define EXACT_MAX (UINT64_C(1) << 53) /* up to here every integer is exact as a double */

bool bit_json_is_time(const ProtobufCFieldDescriptor *field)
{
    const size_t bytes = strlen(field->name);

    return field->type == PROTOBUF_C_TYPE_UINT64 && bytes > 3 && strcmp(field->name + bytes - 3, "_ns") == 0;
}

static void print_u64(FILE *f, const ProtobufCFieldDescriptor *field, uint64_t value)
{
    const char *quote = value > EXACT_MAX || bit_json_is_time(field) ? "\"" : "";

    fprintf(f, "%s%" PRIu64 "%s", quote, value, quote);
}

/* The key "time" beside "time_ns", with the same time as a date; null if `at` is NULL. */
static void print_date(FILE *f, const ProtobufCFieldDescriptor *field, const uint64_t *at)
{
    char text[32];
    struct tm tm;

    fprintf(f, ",\"%.*s\":", (int)strlen(field->name) - 3, field->name);
    if (at == NULL) {
        fputs("null", f);
        return;
    }
    const time_t s = (time_t)(*at / 1000000000);
    gmtime_r(&s, &tm); /* cannot fail: 64 bits of nanoseconds end in 2554 */
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    fprintf(f, "\"%s.%09" PRIu64 "Z\"", text, *at % 1000000000);
}

/* ---- messages */

static void print_message(FILE *f, const ProtobufCMessage *msg);

static void print_element(FILE *f, const ProtobufCFieldDescriptor *field, const void *at)
{
    char number[32];

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        print_message(f, *(ProtobufCMessage *const *)at);
        break;
    case PROTOBUF_C_TYPE_STRING:
        print_string(f, *(char *const *)at);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        print_hex(f, at);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        fputs(*(const protobuf_c_boolean *)at ? "true" : "false", f);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        print_enum(f, field->descriptor, *(const int *)at);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        print_double(f, (double)*(const float *)at);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        print_double(f, *(const double *)at);
        break;
    case PROTOBUF_C_TYPE_FIXED64:
        fprintf(f, "\"%016" PRIx64 "\"", *(const uint64_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
        print_u64(f, field, *(const uint64_t *)at);
        break;
    default:
        bit_integer_format(field, at, number);
        fputs(number, f);
        break;
    }
}

static void print_field(FILE *f, const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field)
{
    const bool list = field->label == PROTOBUF_C_LABEL_REPEATED;
    const size_t count = bit_field_count(msg, field);

    fprintf(f, "\"%s\":%s", field->name, list ? "[" : count == 0 ? "null" : "");
    for (size_t k = 0; k < count; k++) {
        fputs(k > 0 ? "," : "", f);
        print_element(f, field, bit_field_at(msg, field, k));
    }
    fputs(list ? "]" : "", f);
    if (!list && bit_json_is_time(field))
        print_date(f, field, count > 0 ? bit_field_at(msg, field, 0) : NULL);
}

static void print_message(FILE *f, const ProtobufCMessage *msg)
{
    const char *comma = "";

    fputc('{', f);
    for (unsigned i = 0; i < msg->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &msg->descriptor->fields[i];
        const bool of_oneof = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
        if (of_oneof && bit_field_count(msg, field) == 0)
            continue;
        fputs(comma, f);
        print_field(f, msg, field);
        comma = ",";
    }
    fputc('}', f);
}

int bit_json_print(const ProtobufCMessage *msg, char **out, size_t *bytes)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    if (f == NULL)
        return bit_fail(-errno, "JSON of %s", msg->descriptor->name);
    print_message(f, msg);
    bool failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed) {
        free(text);
        return bit_fail(-ENOMEM, "JSON of %s", msg->descriptor->name);
    }
    *out = text;
    if (bytes != NULL)
        *bytes = len;
    return 0;
}
