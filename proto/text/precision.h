/* Names of precisions: one spelling is printed (JSON, options), several are accepted. */
#ifndef BIT_PROTO_PRECISION_H
#define BIT_PROTO_PRECISION_H

#include "proto/bit.pb-c.h"

/** "16bit" or "ternary". */
const char *bit_precision_name(Bit__Precision precision);
/**
 * Read a precision: as above, in common spellings (16-bit, 1.58-bit, 1.58bit), or as in bit.proto (SIXTEEN_BIT,
 * TERNARY), in any case. -EINVAL, without a note.
 */
int bit_precision_parse(const char *text, Bit__Precision *out);

#endif
