#include "proto/format.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/check.h"
#include "proto/utf8.h"

#define CHARACTER_MAX 4 /* bytes */

/* The length of a text of `bytes` bytes, cut anywhere, without a last character that was cut in two. */
static size_t whole(const char *text, size_t bytes)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t begin = bytes;

    while (begin > 0 && bytes - begin < CHARACTER_MAX - 1 && (p[begin - 1] & 0xc0) == 0x80)
        begin--;
    if (begin == 0 || p[begin - 1] < 0xc0)
        return bytes;
    begin--;
    size_t length = p[begin] < 0xe0 ? 2 : p[begin] < 0xf0 ? 3 : CHARACTER_MAX;
    return bytes - begin < length ? begin : bytes;
}

size_t bit_vformat(char *out, size_t room, const char *fmt, va_list args)
{
    BIT_ASSERT(room > 0);
    int wanted = vsnprintf(out, room, fmt, args);
    if (wanted < 0)
        out[0] = '\0';
    size_t bytes = strlen(out);

    if (wanted >= 0 && (size_t)wanted > bytes)
        out[bytes = whole(out, bytes)] = '\0';
    bit_utf8_repair(out);
    return bytes;
}

size_t bit_format(char *out, size_t room, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    size_t bytes = bit_vformat(out, room, fmt, args);
    va_end(args);
    return bytes;
}

size_t bit_format_more(char *out, size_t room, const char *fmt, ...)
{
    size_t have = strlen(out);
    va_list args;

    BIT_ASSERT(have < room);
    va_start(args, fmt);
    size_t bytes = bit_vformat(out + have, room - have, fmt, args);
    va_end(args);
    return have + bytes;
}

int bit_format_fit(const char *text, size_t most)
{
    size_t bytes = strnlen(text, most + 1);

    return (int)(bytes <= most ? bytes : whole(text, most));
}
