/* Texts of a bounded size for messages, journals and people: always whole characters, whatever was put into them. */
#ifndef BIT_PROTO_FORMAT_H
#define BIT_PROTO_FORMAT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/**
 * printf into `out`, of which `room` > 0 bytes may be used, and leave UTF-8 there. What does not fit is cut between two
 * characters; a byte that belongs to no character, of a path or of another program's output, becomes '?'.
 * Returns the bytes written, without the NUL. Every text that goes into a message or a record is made here.
 */
size_t bit_format(char *out, size_t room, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t bit_vformat(char *out, size_t room, const char *fmt, va_list args) __attribute__((format(printf, 3, 0)));
/** The same after the text that `out` holds already. Returns the bytes of both. */
size_t bit_format_more(char *out, size_t room, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** Bytes of the whole characters within the first `most` bytes of `text`: for "%.*s". */
int bit_format_fit(const char *text, size_t most);

/** What makes a plural of a count: "%u run%s". The one place that knows, so that nobody is told of 1 runs. */
static inline const char *bit_format_s(uint64_t count)
{
    return count == 1 ? "" : "s";
}

#endif
