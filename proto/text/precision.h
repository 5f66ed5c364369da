/* How a precision is called: one word for programs (JSON, options), every spelling taken. */
#ifndef BIT_PROTO_PRECISION_H
#define BIT_PROTO_PRECISION_H

#include "proto/bit.pb-c.h"

/** "16bit" or "ternary". */
const char *bit_precision_name(Bit__Precision precision);
/**
 * Read one: as above, as people read it (16-bit, 1.58-bit, 1.58bit), or as bit.proto calls it (SIXTEEN_BIT, TERNARY),
 * in any case. -EINVAL, without a note.
 */
int bit_precision_parse(const char *text, Bit__Precision *out);

#endif
