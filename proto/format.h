/* Texts of bounded size for messages, journals and users: always valid UTF-8, cut between characters. */
#ifndef BIT_PROTO_FORMAT_H
#define BIT_PROTO_FORMAT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/**
 * printf into `out`, which has room for `room` > 0 bytes; the result is valid UTF-8. A longer text is cut between two
 * characters; a byte that is not UTF-8 (from a path or another program's output) becomes '?'.
 * Returns the bytes written, without the NUL. Every text in a message or a record must be made by these functions.
 */
size_t bit_format(char *out, size_t room, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t bit_vformat(char *out, size_t room, const char *fmt, va_list args) __attribute__((format(printf, 3, 0)));
/** Append to the text in `out`. Returns the bytes of both. */
size_t bit_format_more(char *out, size_t room, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** Bytes of the whole characters within the first `most` bytes of `text`, for "%.*s". */
int bit_format_fit(const char *text, size_t most);

/** The plural ending for a count: "%u run%s". */
static inline const char *bit_format_s(uint64_t count)
{
    return count == 1 ? "" : "s";
}

#endif
