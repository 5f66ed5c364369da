/* Checks encoded messages more strictly than protobuf-c does, before anything is allocated for them. */
#ifndef BIT_PROTO_STRICT_H
#define BIT_PROTO_STRICT_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

/**
 * Check that `bytes` bytes are one valid message of this type.
 * Refused, with the field's full name ("bit.StepOrder.lr") in the note:
 *   unknown fields and wire types that are not the field's; a singular field given twice, or two fields of one oneof; a
 *   missing required field; an enumeration outside its values; an integer that does not fit; NaN and infinity; NUL and
 *   broken UTF-8 in strings; lengths beyond the end; a tag or a length in more than five bytes.
 * Allocates nothing. The recursion depth is the type's, since no type contains itself.
 * Errors      BIT_EMESSAGE
 */
int bit_strict_check(const ProtobufCMessageDescriptor *desc, const uint8_t *body, size_t bytes);
/**
 * The same, but strings are repaired in place instead of being refused: a NUL, and each byte that is not UTF-8, becomes
 * '?'. For reports, replies and the journal; never for orders and requests, where a changed text could be another name
 * or path.
 */
int bit_strict_repair(const ProtobufCMessageDescriptor *desc, uint8_t *body, size_t bytes);

#endif
