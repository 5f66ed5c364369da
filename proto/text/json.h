/* Any message of ours as JSON, for scripts. */
#ifndef BIT_PROTO_JSON_H
#define BIT_PROTO_JSON_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

/**
 * Print a message as one line of JSON without a newline: names as in bit.proto, enumeration values as lower-case
 * strings, integers as numbers of any width, doubles always with a point or an exponent (null where JSON has no
 * number for them), bytes as hex, fixed64 (digests) as strings of 16 hex digits. Absent fields are left out, lists
 * never: an empty one is []. What could act on a terminal (escape.h) is \uXXXX; bytes in a string that are not UTF-8
 * become U+FFFD.
 * *out is heap, NUL-terminated; *bytes (may be NULL) is without the NUL. -ENOMEM.
 */
int bit_json_print(const ProtobufCMessage *msg, char **out, size_t *bytes);

#endif
