/* Protobuf text format, both ways, for any message of ours: reflection over protobuf-c's descriptors. */
#ifndef BIT_PROTO_TEXT_H
#define BIT_PROTO_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include "proto/text/problems.h"

/**
 * Parse protobuf text format (any message without cycles; for us a RunSpec): comments, both quotes with C escapes,
 * adjacent strings, lists, `field { }`, `field: { }`, < >, separators ; and ,.
 * An unknown field names the nearest known one, or where in the tree one of that name is. Finds every problem it can,
 * and goes on after each. Leaves the place of every field in `problems`.
 * Ownership   *out is heap, freed by bit_msg_free; nothing borrows from text
 * Limits      bytes <= BIT_SPEC_BYTES_MAX, nesting <= BIT_SPEC_DEPTH_MAX
 * Errors      BIT_ESPEC with problems; -ENOMEM
 * Source      protobuf.dev, "Text Format Language Specification"; refuses what no message of ours may hold: inf and
 * nan, NUL and broken UTF-8 in a string; knows no extensions and no Any
 */
int bit_text_parse(const ProtobufCMessageDescriptor *desc, const char *text, size_t bytes, ProtobufCMessage **out,
                   struct bit_problems *problems);

/**
 * The same, but with problems *out is set as well, to what could be read, as long as the text was short enough to be
 * read at all: for those who want to look for more problems.
 */
int bit_text_parse_some(const ProtobufCMessageDescriptor *desc, const char *text, size_t bytes, ProtobufCMessage **out,
                        struct bit_problems *problems);

/**
 * Parse `text` as what stands after the colon of `field`, into `msg`, where the field is absent. `path` is the field's
 * own; problems are placed where it stands. More forgiving than a file: enumeration values in any case.
 * Errors      BIT_ESPEC with problems, msg then holds part of it; -ENOMEM
 */
int bit_text_parse_value(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field, const char *path,
                         const char *text, size_t bytes, struct bit_problems *problems);

/**
 * Add the problem "no field NAME in MESSAGE", with what was probably meant: a field of that name elsewhere below root,
 * else the nearest name in desc. `path` is the enclosing field's, "" at the root.
 */
void bit_text_unknown_field(const ProtobufCMessageDescriptor *root, const ProtobufCMessageDescriptor *desc,
                            const char *path, const char *name, size_t len, int line, int column,
                            struct bit_problems *problems);

/**
 * Print as text format, two-space indent, fields by number, which is the order of bit.proto. Parses back to the same
 * message. *out is heap, NUL-terminated; *bytes (may be NULL) is without the NUL. -ENOMEM.
 */
int bit_text_print(const ProtobufCMessage *msg, char **out, size_t *bytes);

#endif
