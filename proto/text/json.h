/* Prints any message of bit.proto as JSON, for scripts. */
#ifndef BIT_PROTO_JSON_H
#define BIT_PROTO_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

/* The version of the rules below and of the messages' meaning; raised when a change could break a script. */
#define BIT_JSON_SCHEMA 1

/**
 * Print a message as one line of JSON without a newline, by these rules:
 *   - keys are the names of bit.proto, and all of them are present: null for an absent field, [] for an empty list; of
 *   a
 *     oneof only the member that is set is present;
 *   - enumeration values are lower-case strings, a precision is "16bit" or "ternary" (precision.h);
 *   - an integer beyond 2^53 is a string of its digits, because readers that only have doubles would round it; the
 *     nanoseconds of KEY_ns are always a string, and the same time is added as a date in KEY, as in
 *     "2026-11-22T12:40:01.123456789Z";
 *   - doubles have a point or an exponent, and are null where JSON has no number for them;
 *   - bytes are hex, fixed64 (digests) strings of 16 hex digits;
 *   - characters that could control a terminal (escape.h) are \uXXXX; bytes in a string that are not UTF-8 become
 *     U+FFFD.
 * *out is heap, NUL-terminated; *bytes (may be NULL) is without the NUL. -ENOMEM.
 */
int bit_json_print(const ProtobufCMessage *msg, char **out, size_t *bytes);
/** Whether a field is named KEY_ns. */
bool bit_json_is_time(const ProtobufCFieldDescriptor *field);

#endif
