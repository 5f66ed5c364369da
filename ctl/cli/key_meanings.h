/* The meaning of each JSON key: its comment in bit.proto, or else what the key means in every message. */
#ifndef BIT_CTL_KEY_MEANINGS_H
#define BIT_CTL_KEY_MEANINGS_H

#include <protobuf-c/protobuf-c.h>

/** The meaning of a field, or of the whole message (field ""). Static; "" if none is known. */
const char *bit_key_meaning(const ProtobufCMessageDescriptor *desc, const char *field);

#endif
