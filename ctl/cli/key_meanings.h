/* What the keys of JSON mean: the comments of bit.proto, or what a common key means wherever it stands. */
#ifndef BIT_CTL_KEY_MEANINGS_H
#define BIT_CTL_KEY_MEANINGS_H

#include <protobuf-c/protobuf-c.h>

/** Of a field, or of the whole message (field ""). Static; "" if nothing is known. */
const char *bit_key_meaning(const ProtobufCMessageDescriptor *desc, const char *field);

#endif
