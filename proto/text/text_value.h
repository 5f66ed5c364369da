/* One scalar of text format: from a token to a field's value, with the reason where there is none. */
#ifndef BIT_PROTO_TEXT_VALUE_H
#define BIT_PROTO_TEXT_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "proto/text/text_lex.h"

/* As bit_field_add takes it. */
union bit_value {
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    float f;
    double d;
    protobuf_c_boolean b;
    char *string;
    ProtobufCBinaryData bytes;
};

/** "a whole number", "one of TANH, LINEAR, SIGMOID": what a field takes. Static or in buf. */
const char *bit_value_expected(const ProtobufCFieldDescriptor *field, char buf[160]);

/**
 * Read a number, a truth value or an enumeration value; strings and messages are the parser's.
 * `negative` is a '-' that stood before the token; `any_case` forgives an enumeration value its case.
 * BIT_ESPEC after adding the problem, at the token.
 */
int bit_value_read(const ProtobufCFieldDescriptor *field, const struct bit_token *token, bool negative, bool any_case,
                   const char *path, struct bit_problems *problems, union bit_value *out);

#endif
