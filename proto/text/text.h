/* Parses and prints protobuf text format for any message of bit.proto, by protobuf-c's descriptors. */
#ifndef BIT_PROTO_TEXT_H
#define BIT_PROTO_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include "proto/text/problems.h"

/**
 * Parse protobuf text format (any message type without cycles, mainly RunSpec): comments, both quotes with C escapes,
 * adjacent strings, lists, `field { }`, `field: { }`, < >, separators ; and ,.
 * The problem of an unknown field names the nearest known one, or the place in the tree of a field with that name. The
 * parser continues after a problem, to find as many as it can, and records every field's position in `problems`.
 * Ownership   *out is heap, freed by bit_msg_free; nothing borrows from text
 * Limits      bytes <= BIT_SPEC_BYTES_MAX, nesting <= BIT_SPEC_DEPTH_MAX
 * Errors      BIT_ESPEC with problems; -ENOMEM
 * Source      protobuf.dev, "Text Format Language Specification"; refuses values that no message here may have: inf and
 *             nan, NUL and broken UTF-8 in a string; does not support extensions and Any
 */
int bit_text_parse(const ProtobufCMessageDescriptor *desc, const char *text, size_t bytes, ProtobufCMessage **out,
                   struct bit_problems *problems);

/**
 * The same, but with problems *out is set too, to what could be parsed, unless the text is above the size limit: for
 * callers that look for more problems.
 */
int bit_text_parse_some(const ProtobufCMessageDescriptor *desc, const char *text, size_t bytes, ProtobufCMessage **out,
                        struct bit_problems *problems);

/**
 * Parse `text` as the value of `field` (the part after the colon) into `msg`, where the field is absent. `path` is the
 * field's own, and problems get its position. Unlike in a file, enumeration values may be in any case.
 * Errors      BIT_ESPEC with problems, msg then holds part of it; -ENOMEM
 */
int bit_text_parse_value(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field, const char *path,
                         const char *text, size_t bytes, struct bit_problems *problems);

/**
 * Add the problem "no field NAME in MESSAGE", with a suggestion: a field of that name elsewhere below root, else the
 * nearest name in desc. `path` is the enclosing field's, "" at the root.
 */
void bit_text_unknown_field(const ProtobufCMessageDescriptor *root, const ProtobufCMessageDescriptor *desc,
                            const char *path, const char *name, size_t len, int line, int column,
                            struct bit_problems *problems);

/**
 * Print as text format, with two-space indent, fields by number. Parses back to the same message. *out is heap,
 * NUL-terminated; *bytes (may be NULL) is without the NUL. -ENOMEM.
 */
int bit_text_print(const ProtobufCMessage *msg, char **out, size_t *bytes);

#endif
