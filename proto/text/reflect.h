/* Messages by their descriptors: what protobuf-c keeps where, said once. */
#ifndef BIT_PROTO_REFLECT_H
#define BIT_PROTO_REFLECT_H

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

/** An empty message on the heap, freed by bit_msg_free. NULL when memory ran out. */
ProtobufCMessage *bit_message_new(const ProtobufCMessageDescriptor *desc);

/** Elements of a field: 0 or 1, any number if repeated. A required scalar always has 1. */
size_t bit_field_count(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field);
/**
 * The i-th element, i < count: a pointer to int32_t, uint64_t, double, protobuf_c_boolean, char *,
 * ProtobufCBinaryData or ProtobufCMessage *, as the field's type says. Borrowed from msg.
 */
const void *bit_field_at(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field, size_t i);
/** The message in a message field, NULL if absent. */
ProtobufCMessage *bit_field_message(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field, size_t i);

/**
 * Copy one element in: appended if repeated, else made present; the field must be absent then, and so must the other
 * members of its oneof. `element` is what bit_field_at would point to; what it points to in turn (a string, a message)
 * now belongs to msg. -ENOMEM, and nothing has changed hands.
 */
int bit_field_add(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field, const void *element);
/** Free what the field holds and make it absent, or empty if repeated. */
void bit_field_clear(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field);
/** The number of the oneof member that is present, 0 if none; 0 also for a field of no oneof. */
uint32_t bit_field_oneof_case(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field);

/**
 * Fill what dst lacks from src, a message of the same type: absent fields are copied whole, messages present in both
 * are merged, lists that have elements stay as they are. -ENOMEM leaves dst valid and partly filled.
 */
int bit_message_fill(ProtobufCMessage *dst, const ProtobufCMessage *src);

/** A field of desc by a name that need not end in NUL; NULL if there is none. */
const ProtobufCFieldDescriptor *bit_field_find(const ProtobufCMessageDescriptor *desc, const char *name, size_t len);

/** A short decimal that reads back as the same double ("0.0003", "1e-05"); inf, -inf and nan by these names. */
void bit_double_format(double value, char out[32]);

#endif
