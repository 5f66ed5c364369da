/* printf of "key=value key=value" with quoted values, so that no value can be mistaken for another pair or line. */
#ifndef BIT_PROTO_PAIRS_H
#define BIT_PROTO_PAIRS_H

#include <stdarg.h>
#include <stddef.h>

/**
 * Write pairs into `out`, which has room for `room` bytes, by a printf format: a list of pairs, separated by spaces.
 * Everything from a '=' to the next space of the format is one value, even if a conversion gives a text with spaces. A
 * value whose own literal text has spaces is quoted in the format: "run=%s text=\"no room for %s\"".
 *
 * A value of printable ASCII without space, '"', '=' and '\' is written unchanged. Every other value, an empty one too,
 * is written in quotes, with \" and \\ inside and with the escapes of escape.h. A text that does not fit is cut; a
 * value that is cut keeps its closing quote.
 * Takes       the conversions d i u x X o c s p f e g and %%, with flags, width, precision (also *) and h l ll j z t
 * Returns     the bytes written, without the NUL
 */
size_t bit_pairs_format(char *out, size_t room, const char *fmt, va_list args) __attribute__((format(printf, 3, 0)));

#endif
