/* UTF-8, one code point at a time. */
#ifndef BIT_PROTO_UTF8_H
#define BIT_PROTO_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Decode the code point at the start of `text`, which has `bytes` > 0 left. Returns its length (1 to 4), or 0 where no
 * code point starts: a stray continuation byte, a cut or overlong form, a surrogate, or above U+10FFFF.
 * Source      RFC 3629
 */
size_t bit_utf8_decode(const char *text, size_t bytes, uint32_t *code);
/** Encode a code point that is not a surrogate and at most U+10FFFF. Returns the bytes written. */
size_t bit_utf8_encode(uint32_t code, char out[4]);
bool bit_utf8_valid(const char *text, size_t bytes);
/** Make a C string valid in place: each byte that is not UTF-8 becomes '?'. For paths and other programs' output that
 * go into a message. */
void bit_utf8_repair(char *text);

#endif
