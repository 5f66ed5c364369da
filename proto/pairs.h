/* printf of "key=value key=value", which can be read back: no value can look like another pair, or like another line.
 */
#ifndef BIT_PROTO_PAIRS_H
#define BIT_PROTO_PAIRS_H

#include <stdarg.h>
#include <stddef.h>

/**
 * Write pairs into `out`, of which `room` bytes may be used, by a printf format that is a list of them, a space between
 * two. What stands after a '=' up to the next space of the format is one value, whatever its conversions bring; a
 * value whose own text has spaces stands in quotes there: "run=%s text=\"no room for %s\"".
 *
 * One rule for all values: printable ASCII without space, '"', '=' and '\' is written as it is. Everything else is put
 * in quotes, with \" and \\ within, and what escape.h names harmful escaped; so is an empty value. What
 * does not fit is cut, a value within its quotes. Takes       the conversions d i u x X o c s p f e g and %%, with
 * flags, width, precision (also *) and h l ll j z t Returns     the bytes written, without the NUL
 */
size_t bit_pairs_format(char *out, size_t room, const char *fmt, va_list args) __attribute__((format(printf, 3, 0)));

#endif
