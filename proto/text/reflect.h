/* Generic access to messages by their descriptors: the only code that knows protobuf-c's memory layout. */
#ifndef BIT_PROTO_REFLECT_H
#define BIT_PROTO_REFLECT_H

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

/** An empty message on the heap, freed by bit_msg_free. NULL when memory ran out. */
ProtobufCMessage *bit_message_new(const ProtobufCMessageDescriptor *desc);

/** The number of elements of a field: 0 or 1, any number if repeated. A required scalar always has 1. */
size_t bit_field_count(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field);
/**
 * The i-th element, i < count: a pointer to int32_t, uint64_t, double, protobuf_c_boolean, char *,
 * ProtobufCBinaryData or ProtobufCMessage *, as the field's type says. Borrowed from msg.
 */
const void *bit_field_at(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field, size_t i);
/** The message in a message field, NULL if absent. */
ProtobufCMessage *bit_field_message(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field, size_t i);

/**
 * Copy one element in. A repeated field grows; any other field must be absent, as must the other members of its oneof.
 * `element` is a pointer as bit_field_at returns it; a string or message that it refers to now belongs to msg. -ENOMEM;
 * then the caller still owns it.
 */
int bit_field_add(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field, const void *element);
/** Free the field's value and make the field absent, or empty if repeated. */
void bit_field_clear(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field);
/** The number of the oneof member that is present, 0 if none; 0 also for a field outside of any oneof. */
uint32_t bit_field_oneof_case(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field);

/**
 * Copy fields that dst lacks from src, a message of the same type: absent fields are copied whole, messages present in
 * both are merged, non-empty lists of dst stay. -ENOMEM leaves dst valid and partly filled.
 */
int bit_message_fill(ProtobufCMessage *dst, const ProtobufCMessage *src);

/** The field of desc with this name (`len` bytes, NUL not required); NULL if there is none. */
const ProtobufCFieldDescriptor *bit_field_find(const ProtobufCMessageDescriptor *desc, const char *name, size_t len);

/** The decimal of an element as bit_field_at returns it, of a field whose type is an integer. */
void bit_integer_format(const ProtobufCFieldDescriptor *field, const void *at, char out[32]);
/** A short decimal that reads back as the same double ("0.0003", "1e-05"), or "inf", "-inf", "nan". */
void bit_double_format(double value, char out[32]);

#endif
