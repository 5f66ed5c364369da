/* What protobuf-c lets through and we do not, found on the wire before anything is allocated for it. */
#ifndef BIT_PROTO_STRICT_H
#define BIT_PROTO_STRICT_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

/**
 * Check that `bytes` bytes are one message of this type and say nothing that no message may say.
 * Refused, with the field's full name ("bit.StepOrder.lr") in the note:
 *   unknown fields and wire types that are not the field's; a singular field, or two of one oneof, given twice; a
 *   missing required field; an enumeration outside its values; an integer that does not fit; NaN and infinity; NUL and
 *   broken UTF-8 in strings; lengths beyond the end; a tag or a length in more than five bytes.
 * Allocates nothing. Recursion is as deep as the type, since no type of ours contains itself.
 * Errors      BIT_EMESSAGE
 */
int bit_strict_check(const ProtobufCMessageDescriptor *desc, const uint8_t *body, size_t bytes);
/**
 * The same, save that texts are made right in place instead of being refused: a NUL, and each byte that belongs to no
 * character, becomes '?'. For what is told (reports, replies, the journal); never for what is asked, where another text
 * would be another name or path.
 */
int bit_strict_repair(const ProtobufCMessageDescriptor *desc, uint8_t *body, size_t bytes);

#endif
