#include "proto/text/text_value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/text/nearest.h"

#define NUMBER_MAX 512 /* characters of a number; digits beyond 17 do not matter */

/* The token's text, for "%.*s" in a message. */
#define SHOW(token) (int)BIT_MIN((token)->len, 40u), (token)->at

static void list_values(const ProtobufCEnumDescriptor *desc, char buf[160])
{
    size_t used = (size_t)snprintf(buf, 160, "one of ");

    for (unsigned i = 0; i < desc->n_values && used < 160; i++)
        used += (size_t)snprintf(buf + used, 160 - used, "%s%s", i > 0 ? ", " : "", desc->values[i].name);
}

const char *bit_value_expected(const ProtobufCFieldDescriptor *field, char buf[160])
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return "true or false";
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        return "a number";
    case PROTOBUF_C_TYPE_ENUM:
        list_values(field->descriptor, buf);
        return buf;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
        return "a string in quotes";
    case PROTOBUF_C_TYPE_MESSAGE:
        return "'{'";
    default:
        return "a whole number";
    }
}

static int mismatch(const ProtobufCFieldDescriptor *field, const struct bit_token *token, bool negative,
                    const char *path, struct bit_problems *problems)
{
    char buf[160];

    if (token->kind == BIT_TOKEN_BAD)
        return BIT_ESPEC;
    bit_problems_add(problems, path, token->line, token->column, "expected %s, found %s%.*s%s",
                     bit_value_expected(field, buf), negative ? "'-" : "'", SHOW(token),
                     token->len > 40 ? "...'" : "'");
    return BIT_ESPEC;
}

/* Decimal, 0x for hexadecimal, or 0 for octal, as in C. False if it does not fit into 64 bits. */
static bool read_magnitude(const struct bit_token *token, uint64_t *out)
{
    char text[NUMBER_MAX + 1];

    if (token->len > NUMBER_MAX)
        return false;
    memcpy(text, token->at, token->len);
    text[token->len] = '\0';
    errno = 0;
    *out = strtoull(text, NULL, 0);
    return errno == 0;
}

static bool is_signed(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_BOOL:
        return false;
    default:
        return true;
    }
}

static uint64_t largest(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return 1;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return UINT32_MAX;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return UINT64_MAX;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return INT64_MAX;
    default:
        return INT32_MAX;
    }
}

/* Two's complement in 64 bits; the low half is the 32-bit value. */
static int read_integer(const ProtobufCFieldDescriptor *field, const struct bit_token *token, bool negative,
                        const char *path, struct bit_problems *problems, uint64_t *out)
{
    uint64_t magnitude, most = largest(field);

    if (token->kind != BIT_TOKEN_INTEGER)
        return mismatch(field, token, negative, path, problems);
    if (negative && !is_signed(field)) {
        bit_problems_add(problems, path, token->line, token->column, "-%.*s is below 0", SHOW(token));
        return BIT_ESPEC;
    }
    if (!read_magnitude(token, &magnitude) || magnitude > most + negative) {
        bit_problems_add(problems, path, token->line, token->column, "%s%.*s does not fit: at most %s%llu",
                         negative ? "-" : "", SHOW(token), negative ? "-" : "", (unsigned long long)most + negative);
        return BIT_ESPEC;
    }
    *out = negative ? -magnitude : magnitude;
    return 0;
}

static bool is_decimal(const struct bit_token *token)
{
    return token->kind == BIT_TOKEN_FLOAT ||
           (token->kind == BIT_TOKEN_INTEGER && (token->len == 1 || token->at[0] != '0'));
}

static int read_double(const ProtobufCFieldDescriptor *field, const struct bit_token *token, bool negative,
                       const char *path, struct bit_problems *problems, double *out)
{
    char text[NUMBER_MAX + 1];

    if (!is_decimal(token) || token->len > NUMBER_MAX)
        return mismatch(field, token, negative, path, problems);
    memcpy(text, token->at, token->len);
    text[token->len] = '\0'; /* strtod stops at a trailing f, as intended */
    double value = strtod(text, NULL);
    if (!isfinite(value) || (field->type == PROTOBUF_C_TYPE_FLOAT && !isfinite((float)value))) {
        bit_problems_add(problems, path, token->line, token->column, "%.*s is too large", SHOW(token));
        return BIT_ESPEC;
    }
    *out = negative ? -value : value;
    return 0;
}

static int read_bool(const ProtobufCFieldDescriptor *field, const struct bit_token *token, bool negative,
                     const char *path, struct bit_problems *problems, protobuf_c_boolean *out)
{
    static const struct {
        const char *name;
        bool value;
    } words[] = {{"true", true}, {"True", true}, {"t", true}, {"false", false}, {"False", false}, {"f", false}};
    uint64_t number = 0;

    if (token->kind == BIT_TOKEN_INTEGER) {
        int err = read_integer(field, token, negative, path, problems, &number);
        *out = number != 0;
        return err;
    }
    for (size_t i = 0; i < BIT_COUNT(words) && token->kind == BIT_TOKEN_NAME && !negative; i++)
        if (strlen(words[i].name) == token->len && memcmp(words[i].name, token->at, token->len) == 0) {
            *out = words[i].value;
            return 0;
        }
    return mismatch(field, token, negative, path, problems);
}

static const ProtobufCEnumValue *find_value(const ProtobufCEnumDescriptor *desc, const struct bit_token *token,
                                            bool any_case)
{
    for (unsigned i = 0; i < desc->n_values; i++) {
        const char *name = desc->values[i].name;
        if (strlen(name) == token->len && (any_case ? strncasecmp : strncmp)(name, token->at, token->len) == 0)
            return &desc->values[i];
    }
    return NULL;
}

static int read_enum_number(const ProtobufCFieldDescriptor *field, const struct bit_token *token, bool negative,
                            const char *path, struct bit_problems *problems, int32_t *out)
{
    uint64_t number;
    int err = read_integer(field, token, negative, path, problems, &number);

    if (err < 0)
        return err;
    if (protobuf_c_enum_descriptor_get_value(field->descriptor, (int)number) == NULL)
        return mismatch(field, token, negative, path, problems);
    *out = (int32_t)number;
    return 0;
}

static int read_enum(const ProtobufCFieldDescriptor *field, const struct bit_token *token, bool any_case,
                     const char *path, struct bit_problems *problems, int32_t *out)
{
    const ProtobufCEnumDescriptor *desc = field->descriptor;
    const ProtobufCEnumValue *value = find_value(desc, token, any_case);
    struct bit_nearest nearest;
    char buf[160];

    if (value != NULL) {
        *out = value->value;
        return 0;
    }
    bit_nearest_init(&nearest, token->at, token->len);
    for (unsigned i = 0; i < desc->n_values; i++)
        bit_nearest_offer(&nearest, desc->values[i].name);
    const char *name = bit_nearest_name(&nearest);
    if (name == NULL)
        return mismatch(field, token, false, path, problems);
    bit_problems_add(problems, path, token->line, token->column, "'%.*s' is not %s; did you mean %s?", SHOW(token),
                     bit_value_expected(field, buf), name);
    return BIT_ESPEC;
}

int bit_value_read(const ProtobufCFieldDescriptor *field, const struct bit_token *token, bool negative, bool any_case,
                   const char *path, struct bit_problems *problems, union bit_value *out)
{
    uint64_t number = 0;
    double real = 0;
    int err;

    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return read_bool(field, token, negative, path, problems, &out->b);
    case PROTOBUF_C_TYPE_ENUM:
        if (token->kind == BIT_TOKEN_NAME && !negative)
            return read_enum(field, token, any_case, path, problems, &out->i32);
        return read_enum_number(field, token, negative, path, problems, &out->i32);
    case PROTOBUF_C_TYPE_FLOAT:
        err = read_double(field, token, negative, path, problems, &real);
        out->f = (float)real;
        return err;
    case PROTOBUF_C_TYPE_DOUBLE:
        return read_double(field, token, negative, path, problems, &out->d);
    default:
        err = read_integer(field, token, negative, path, problems, &number);
        if (largest(field) > UINT32_MAX)
            out->u64 = number;
        else
            out->u32 = (uint32_t)number;
        return err;
    }
}
