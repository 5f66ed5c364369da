/* Converts a scalar token of text format to a field's value, or adds the problem that explains why it cannot. */
#ifndef BIT_PROTO_TEXT_VALUE_H
#define BIT_PROTO_TEXT_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "proto/text/text_lex.h"

/* An element for bit_field_add. */
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

/** "a whole number", "one of TANH, LINEAR, SIGMOID": the values that a field accepts. Static or in buf. */
const char *bit_value_expected(const ProtobufCFieldDescriptor *field, char buf[160]);

/**
 * Read a number, a boolean or an enumeration value; the parser itself reads strings and messages.
 * negative: a '-' came before the token. any_case: an enumeration value may be in any case.
 * BIT_ESPEC after adding the problem, at the token.
 */
int bit_value_read(const ProtobufCFieldDescriptor *field, const struct bit_token *token, bool negative, bool any_case,
                   const char *path, struct bit_problems *problems, union bit_value *out);

#endif
